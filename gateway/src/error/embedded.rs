//! What data that its format cannot carry means over HTTP.

use super::ApiError;
use crate::embedded::EmbeddedError;

impl From<EmbeddedError> for ApiError {
    fn from(error: EmbeddedError) -> Self {
        let text = error.to_string();
        match error {
            EmbeddedError::NotString { .. } | EmbeddedError::NotBase64 { .. } => {
                Self::BadRequest { detail: text }
            }
            EmbeddedError::NotJson { .. } => Self::UndecodableRecord { message: text },
        }
    }
}
