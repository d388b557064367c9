//! The peer of the REST numbers: the same HTTP server with a handler that reads the body and answers, nothing else.

use actix_web::web::{self, Bytes};
use actix_web::{App, HttpResponse, HttpServer};

/// As long as what the gateway answers to one record.
const ANSWER: &str = r#"{"offsets":[{"partition":0,"offset":123456,"error_code":null,"error":null}],"key_schema_id":null,"value_schema_id":null}"#;

async fn read(body: Bytes) -> HttpResponse {
    assert!(!body.is_empty());
    HttpResponse::Ok()
        .content_type("application/vnd.kafka.v2+json")
        .body(ANSWER)
}

/// Serves until killed; prints its address as `sluice` does.
pub(crate) async fn serve() {
    let system = std::thread::spawn(|| {
        actix_web::rt::System::new().block_on(async {
            let server =
                HttpServer::new(|| App::new().route("/topics/{topic}", web::post().to(read)))
                    .bind("127.0.0.1:0")
                    .expect("a free port");
            println!("sluice ready: http http://{}", server.addrs()[0]);
            server.run().await
        })
    });
    let ended = tokio::task::spawn_blocking(|| system.join())
        .await
        .expect("join the server");
    ended.expect("the server's thread").expect("serve");
}
