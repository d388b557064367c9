//! REST produce, one record a request, durable, against a bare handler of the same HTTP server.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use sluice_e2e::process::Server;
use sluice_e2e::sluice::{Addresses, Sluice};

use crate::Extent;
use crate::load::{self, pause, resume, settle};
use crate::rounds::{Promise, Samples, Table};

pub(crate) async fn measure(extent: Extent, folder: &Path, table: &mut Table) {
    let program = std::env::current_exe().expect("the path of this program");
    let mut peer = Server::start("bare", Command::new(program).arg("bare"), folder);
    let bare = peer
        .ready(Duration::from_secs(10), Addresses::find)
        .await
        .expect("it is ready");
    let sluice = Sluice::bundled(folder, &[]).await;

    // 100 bytes of JSON as the record's value.
    let body = format!(r#"{{"records":[{{"value":"{}"}}]}}"#, "x".repeat(98));
    let (mut ours, mut theirs, mut p99) = <(Samples, Samples, Samples)>::default();
    pause(&peer);
    for _ in 0..extent.rounds {
        settle();
        let url = format!("{}/topics/bench", sluice.addresses().http);
        let rate = load::post(&url, &body, extent.seconds, folder).await;
        ours.push(rate.requests);
        p99.push(rate.p99_ms);
        pause(sluice.server());
        resume(&peer);
        let url = format!("{}/topics/bench", bare.http);
        theirs.push(
            load::post(&url, &body, extent.seconds, folder)
                .await
                .requests,
        );
        pause(&peer);
        resume(sluice.server());
    }
    table.compare(
        "REST produce, 100 B, 64 connections, vs bare handler",
        "req/s",
        [&ours, &theirs],
        Promise::AtLeast(0.3),
    );
    table.tell("REST produce, p99", "ms", &p99, Promise::Nothing);
}
