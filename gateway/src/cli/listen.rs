//! Binds the addresses that are listened on.

use std::io;
use std::net::{SocketAddr, TcpListener};

use sluice::config::Listen;
use socket2::{Domain, Protocol, Socket, Type};

/// Connections that may wait to be accepted.
const BACKLOG: i32 = 1024;

/// An address cannot be listened on.
#[derive(Debug, thiserror::Error)]
#[error("cannot listen on {address} ({key}): {cause}; {advice}")]
pub(super) struct ListenError {
    key: &'static str,
    address: SocketAddr,
    cause: io::Error,
    advice: String,
}

/// Listens where the setting `key` says. `localhost` is served on `::1` too where the machine has it.
pub(super) fn bind(key: &'static str, listen: Listen) -> Result<Vec<TcpListener>, ListenError> {
    let (first, also) = listen.addresses();
    let listener = open(first).map_err(|cause| failed(key, first, cause))?;
    let port = listener
        .local_addr()
        .map_err(|cause| failed(key, first, cause))?
        .port();
    let mut listeners = vec![listener];
    if let Some(mut also) = also {
        also.set_port(port);
        match open(also) {
            Ok(listener) => listeners.push(listener),
            Err(cause) if cause.kind() == io::ErrorKind::AddrInUse => {
                return Err(failed(key, also, cause));
            }
            Err(cause) => tracing::debug!(%also, %cause, "not served"),
        }
    }
    Ok(listeners)
}

fn open(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = Socket::new(
        Domain::for_address(address),
        Type::STREAM,
        Some(Protocol::TCP),
    )?;
    // A restart must not wait for connections of the last run to be forgotten.
    socket.set_reuse_address(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    Ok(socket.into())
}

fn failed(key: &'static str, address: SocketAddr, cause: io::Error) -> ListenError {
    let flag = key.replace('.', "-");
    let advice = if cause.kind() == io::ErrorKind::AddrInUse {
        format!("stop what listens there, or choose another port with --{flag}")
    } else {
        format!("choose an address of this machine with --{flag}")
    };
    ListenError {
        key,
        address,
        cause,
        advice,
    }
}

#[cfg(test)]
mod tests {
    use sluice::config::Value as _;

    use super::*;

    #[test]
    fn a_port_in_use_is_named_with_its_setting_and_what_to_do() {
        let taken = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = taken.local_addr().unwrap().to_string();
        let error = bind("http.listen", Listen::parse(&address).unwrap())
            .unwrap_err()
            .to_string();
        assert!(
            error.starts_with(&format!("cannot listen on {address} (http.listen): ")),
            "{error}"
        );
        assert!(
            error.ends_with("or choose another port with --http-listen"),
            "{error}"
        );
    }

    #[test]
    fn a_name_has_the_same_port_on_both_loopback_addresses() {
        let listeners = bind("http.listen", Listen::parse("localhost:0").unwrap()).unwrap();
        let ports: Vec<u16> = listeners
            .iter()
            .map(|it| it.local_addr().unwrap().port())
            .collect();
        assert!(
            ports.iter().all(|port| *port == ports[0] && *port != 0),
            "{ports:?}"
        );
    }
}
