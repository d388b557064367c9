//! Every route on one page.
//!
//! Mounting a handler here serves it, and puts it into the description of the API. Paths are matched in
//! this order, so those called most come first.

use utoipa_actix_web::service_config::ServiceConfig;

use crate::api::{ops, v2, v3};
use crate::ui::handlers as page;

/// Mounts everything.
pub fn mount(config: &mut ServiceConfig<'_>) {
    mount_v2(config);
    mount_v3(config);
    config
        .service(ops::health::live)
        .service(ops::health::ready)
        .service(ops::metrics::scrape)
        .service(ops::metrics::kafka_exporter)
        .service(ops::docs::description)
        .service(ops::docs::index)
        .service(ops::docs::file)
        .service(page::overview)
        .service(page::group)
        .service(page::stylesheet)
        .service(page::script);
}

/// Confluent's API v2.
fn mount_v2(config: &mut ServiceConfig<'_>) {
    config
        .service(v2::produce::to_topic)
        .service(v2::produce::to_partition)
        .service(v2::consumers::records::read)
        .service(v2::consumers::offsets::commit)
        .service(v2::consumers::offsets::committed)
        .service(v2::consumers::instances::create)
        .service(v2::consumers::instances::remove)
        .service(v2::consumers::subscription::subscribe)
        .service(v2::consumers::subscription::subscription)
        .service(v2::consumers::subscription::unsubscribe)
        .service(v2::consumers::assignments::assign)
        .service(v2::consumers::assignments::assignments)
        .service(v2::consumers::positions::seek)
        .service(v2::consumers::positions::beginning)
        .service(v2::consumers::positions::end)
        .service(v2::brokers::list)
        .service(v2::topics::list)
        .service(v2::topics::get)
        .service(v2::partitions::list)
        .service(v2::partitions::get)
        .service(v2::partitions::offsets);
}

/// Confluent's API v3.
fn mount_v3(config: &mut ServiceConfig<'_>) {
    config
        .service(v3::record_stream::produce)
        .service(v3::record_batch::produce)
        .service(v3::cluster::list)
        .service(v3::cluster::get)
        .service(v3::broker::list)
        .service(v3::broker::get)
        .service(v3::topic::list)
        .service(v3::topic::create)
        .service(v3::topic::get)
        .service(v3::topic::update)
        .service(v3::topic::remove)
        .service(v3::topic_config::list)
        .service(v3::topic_config::get)
        .service(v3::topic_config::set)
        .service(v3::topic_config::reset)
        .service(v3::topic_config::alter)
        .service(v3::partition::list)
        .service(v3::partition::get)
        .service(v3::partition::offsets)
        .service(v3::consumer_group::list)
        .service(v3::consumer_group::get)
        .service(v3::consumer_group::consumers)
        .service(v3::consumer_group::consumer)
        .service(v3::consumer_group::assignments)
        .service(v3::lag::list)
        .service(v3::lag::get)
        .service(v3::lag::summary);
}
