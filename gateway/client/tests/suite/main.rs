//! The client against a real broker: the bundled one, in the same process and without a socket, or
//! the cluster that `KAFKA_BOOTSTRAP` names.

#[cfg(test)]
mod admin;
#[cfg(test)]
mod fetcher;
#[cfg(test)]
mod groups;
#[cfg(test)]
mod moves;
#[cfg(test)]
mod producer;
#[cfg(test)]
mod scripted;
#[cfg(test)]
mod target;
#[cfg(test)]
mod watcher;
