//! Records go in with one client and come out with another, whatever compressed them.

use sluice_e2e::console::Tool;
use sluice_e2e::{World, on_both_targets};

const CODECS: [&str; 4] = ["gzip", "snappy", "lz4", "zstd"];

on_both_targets!(
    kcat_reads_what_kcat_wrote_in_every_compression,
    console_tools_read_what_kcat_wrote_in_every_compression,
);

async fn kcat_reads_what_kcat_wrote_in_every_compression(world: World) {
    for codec in CODECS {
        let topic = world.unique(codec);
        let lines = "k1:one\nk2:two\nk3:three\n";
        world
            .kcat()
            .produce(&topic, &["-K:", "-z", codec], lines)
            .await;
        assert_eq!(
            world.kcat().read_all(&topic, "%k:%s\n").await,
            lines,
            "{codec}"
        );
    }
}

async fn console_tools_read_what_kcat_wrote_in_every_compression(world: World) {
    for codec in CODECS {
        let topic = world.unique(codec);
        world
            .kcat()
            .produce(&topic, &["-z", codec], "one\ntwo\n")
            .await;
        let args = ["--topic", &topic, "--from-beginning", "--max-messages", "2"];
        let read = world
            .console()
            .run(Tool::ConsoleConsumer, &args, "")
            .await
            .ok();
        assert_eq!(read, "one\ntwo\n", "{codec}");
    }
}
