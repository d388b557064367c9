//! Records go in with one client and come out with another, whatever compressed them.

use sluice_e2e::console::Tool;
use sluice_e2e::{World, on_both_targets};

const CODECS: [&str; 4] = ["gzip", "snappy", "lz4", "zstd"];

on_both_targets!(
    kcat_reads_what_kcat_wrote_in_every_compression,
    console_tools_and_kcat_read_each_other_in_every_compression,
    two_groups_of_kcat_each_get_everything,
    kafka_python_reads_what_it_wrote_idempotently_in_every_compression,
    console_tools_for_performance_move_every_record,
);

async fn kcat_reads_what_kcat_wrote_in_every_compression(world: World) {
    let kcat = world.kcat();
    for codec in CODECS {
        let topic = world.unique(codec);
        let lines = "k1:one\nk2:two\nk3:three\n";
        kcat.produce(&topic, &format!("-K: -z {codec}"), lines)
            .await;
        assert_eq!(kcat.read_all(&topic, "%k:%s\n").await, lines, "{codec}");
    }
}

async fn console_tools_and_kcat_read_each_other_in_every_compression(world: World) {
    let (kcat, console) = (world.kcat(), world.console());
    for codec in CODECS {
        let topic = world.unique(codec);
        kcat.produce(&topic, &format!("-z {codec}"), "one\ntwo\n")
            .await;
        let args = format!("--topic {topic} --compression-codec {codec}");
        console
            .run(Tool::ConsoleProducer, &args, "three\n")
            .await
            .ok();
        let args = format!("--topic {topic} --from-beginning --max-messages 3");
        let read = console.run(Tool::ConsoleConsumer, &args, "").await.ok();
        assert_eq!(read, "one\ntwo\nthree\n", "{codec}");
        assert_eq!(kcat.read_all(&topic, "%s\n").await, read, "{codec}");
    }
}

async fn two_groups_of_kcat_each_get_everything(world: World) {
    let topic = world.unique("orders");
    let lines: String = (0..100).map(|n| format!("order {n}\n")).collect();
    world.kcat().produce(&topic, "", &lines).await;
    for name in ["billing", "shipping"] {
        let group = world.unique(name);
        let args = format!("-G {group} -X auto.offset.reset=earliest -e -q {topic}");
        assert_eq!(world.kcat().run(&args, "").await.ok(), lines, "{group}");
    }
}

async fn kafka_python_reads_what_it_wrote_idempotently_in_every_compression(world: World) {
    for codec in CODECS {
        let (topic, group) = (world.unique(codec), world.unique("readers"));
        let said = world
            .python()
            .run("round_trip.py", &[&topic, &group, codec])
            .await
            .ok();
        assert_eq!(said, "100 records, committed 100\n", "{codec}");
    }
}

async fn console_tools_for_performance_move_every_record(world: World) {
    let (topic, console) = (world.unique("fast"), world.console());
    let args = format!("--topic {topic} --num-records 2000 --record-size 1024 --throughput -1");
    let produced = console.run(Tool::ProducerPerfTest, &args, "").await.ok();
    assert!(produced.contains("2000 records sent"), "{produced}");
    let args = format!("--topic {topic} --num-records 2000 --hide-header");
    let consumed = console.run(Tool::ConsumerPerfTest, &args, "").await.ok();
    let columns: Vec<&str> = consumed.trim().split(", ").collect();
    assert_eq!(columns.get(4), Some(&"2000"), "{consumed}");
}
