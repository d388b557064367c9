import java.nio.charset.StandardCharsets;
import java.util.Map;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.clients.producer.RecordMetadata;
import org.apache.kafka.common.serialization.ByteArraySerializer;

/**
 * Writes records of every kind with the Java producer, and prints what was written: a line a record with offset, timestamp,
 * key, value and header, separated by tabs; null is "-". Arguments: bootstrap, topic, and "transactions" if there are to be
 * some.
 */
public final class LogWriter {
    private static final String[] CODECS = {"none", "gzip", "snappy", "lz4", "zstd"};

    public static void main(String[] arguments) throws Exception {
        String bootstrap = arguments[0];
        String topic = arguments[1];
        for (String codec : CODECS) {
            try (var producer = producer(bootstrap, Map.of("compression.type", codec, "linger.ms", 20))) {
                var sent = new java.util.ArrayList<Sent>();
                for (int number = 0; number < 200; number++) {
                    String value = number % 50 == 7 ? null : codec + " value " + "x".repeat(number);
                    sent.add(Sent.send(producer, topic, codec + number, value));
                }
                for (Sent one : sent) {
                    one.tell();
                }
            }
        }
        if (arguments.length > 2) {
            try (var producer = producer(bootstrap, Map.of("transactional.id", topic))) {
                producer.initTransactions();
                for (String end : new String[] {"committed", "aborted", "again committed"}) {
                    producer.beginTransaction();
                    Sent one = Sent.send(producer, topic, end, "in a transaction");
                    producer.flush();
                    one.tell();
                    if (end.equals("aborted")) {
                        producer.abortTransaction();
                    } else {
                        producer.commitTransaction();
                    }
                }
            }
        }
    }

    private static KafkaProducer<byte[], byte[]> producer(String bootstrap, Map<String, Object> more) {
        var config = new java.util.HashMap<String, Object>(more);
        config.put("bootstrap.servers", bootstrap);
        return new KafkaProducer<>(config, new ByteArraySerializer(), new ByteArraySerializer());
    }

    private record Sent(String key, String value, java.util.concurrent.Future<RecordMetadata> future) {
        static Sent send(KafkaProducer<byte[], byte[]> producer, String topic, String key, String value) {
            byte[] bytes = value == null ? null : value.getBytes(StandardCharsets.UTF_8);
            var record = new ProducerRecord<>(topic, 0, key.getBytes(StandardCharsets.UTF_8), bytes);
            record.headers().add("trace", key.getBytes(StandardCharsets.UTF_8));
            return new Sent(key, value, producer.send(record));
        }

        void tell() throws Exception {
            RecordMetadata place = future.get();
            String text = value == null ? "-" : value;
            System.out.println(place.offset() + "\t" + place.timestamp() + "\t" + key + "\t" + text + "\t" + key);
        }
    }
}
