//! The broker as its clients meet it: bytes on a connection, over TCP and within the process.

#[cfg(test)]
mod admin;
#[cfg(test)]
mod client;
#[cfg(test)]
mod configs;
#[cfg(test)]
mod connections;
#[cfg(test)]
mod groups;
#[cfg(test)]
mod handshake;
#[cfg(test)]
mod hostile;
#[cfg(test)]
mod hostile_batches;
#[cfg(test)]
mod lifecycle;
#[cfg(test)]
mod memory;
#[cfg(test)]
mod offsets;
#[cfg(test)]
mod records;
#[cfg(test)]
mod sampled;
