import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.Iterator;
import java.util.List;

import org.apache.kafka.common.compress.Compression;
import org.apache.kafka.common.header.Header;
import org.apache.kafka.common.header.internals.RecordHeader;
import org.apache.kafka.common.record.TimestampType;
import org.apache.kafka.common.record.internal.CompressionType;
import org.apache.kafka.common.record.internal.MemoryRecords;
import org.apache.kafka.common.record.internal.MemoryRecordsBuilder;
import org.apache.kafka.common.record.internal.MutableRecordBatch;
import org.apache.kafka.common.record.internal.Record;
import org.apache.kafka.common.record.internal.RecordBatch;

/**
 * Reads and writes record batches with Apache Kafka's own classes.
 *
 * <p>A question is a line on standard input: {@code read HEX} for the description of one batch, or
 * {@code write DESCRIPTION} for its bytes. The answer is a line on standard output: the description,
 * the bytes in hexadecimal, or {@code error} and why.
 *
 * <p>A description is {@code CODEC BASE_OFFSET PRODUCER_ID EPOCH SEQUENCE}, then for each record
 * {@code |OFFSET TIMESTAMP KEY VALUE HEADERS}. Bytes are {@code x} and hexadecimal, or {@code -} for
 * null; headers are {@code KEY=VALUE} with a comma behind each, or {@code -} for none.
 */
public final class BatchOracle {
    private static final HexFormat HEX = HexFormat.of();

    private BatchOracle() {
    }

    public static void main(String[] arguments) throws IOException {
        BufferedReader in = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.US_ASCII));
        PrintStream out = new PrintStream(System.out, false, StandardCharsets.US_ASCII);
        for (String line = in.readLine(); line != null; line = in.readLine()) {
            out.println(answer(line));
        }
        out.flush();
    }

    private static String answer(String line) {
        String[] question = line.split(" ", 2);
        try {
            return switch (question[0]) {
                case "read" -> describe(HEX.parseHex(question[1]));
                case "write" -> HEX.formatHex(write(question[1]));
                default -> "error unknown question " + question[0];
            };
        } catch (RuntimeException error) {
            return "error " + error;
        }
    }

    private static String describe(byte[] bytes) {
        Iterator<MutableRecordBatch> batches =
            MemoryRecords.readableRecords(ByteBuffer.wrap(bytes)).batches().iterator();
        RecordBatch batch = batches.next();
        batch.ensureValid();
        StringBuilder text = new StringBuilder();
        text.append(batch.compressionType().name).append(' ').append(batch.baseOffset()).append(' ')
            .append(batch.producerId()).append(' ').append(batch.producerEpoch()).append(' ')
            .append(batch.baseSequence());
        for (Record record : batch) {
            record.ensureValid();
            text.append('|').append(record.offset()).append(' ').append(record.timestamp()).append(' ')
                .append(hex(record.key())).append(' ').append(hex(record.value())).append(' ')
                .append(describe(record.headers()));
        }
        if (batches.hasNext()) {
            throw new IllegalStateException("a second batch follows");
        }
        return text.toString();
    }

    private static String describe(Header[] headers) {
        StringBuilder text = new StringBuilder();
        for (Header header : headers) {
            byte[] value = header.value();
            text.append(hex(ByteBuffer.wrap(header.key().getBytes(StandardCharsets.UTF_8)))).append('=')
                .append(hex(value == null ? null : ByteBuffer.wrap(value))).append(',');
        }
        return headers.length == 0 ? "-" : text.toString();
    }

    private static byte[] write(String description) {
        String[] parts = description.split("\\|");
        String[] batch = parts[0].split(" ");
        MemoryRecordsBuilder builder = MemoryRecords.builder(
            ByteBuffer.allocate(1024), RecordBatch.CURRENT_MAGIC_VALUE,
            Compression.of(CompressionType.forName(batch[0])).build(), TimestampType.CREATE_TIME,
            Long.parseLong(batch[1]), RecordBatch.NO_TIMESTAMP, Long.parseLong(batch[2]),
            Short.parseShort(batch[3]), Integer.parseInt(batch[4]));
        for (int index = 1; index < parts.length; index++) {
            String[] record = parts[index].split(" ");
            builder.appendWithOffset(
                Long.parseLong(record[0]), Long.parseLong(record[1]), bytes(record[2]), bytes(record[3]),
                headers(record[4]));
        }
        ByteBuffer built = builder.build().buffer();
        byte[] bytes = new byte[built.remaining()];
        built.get(bytes);
        return bytes;
    }

    private static Header[] headers(String text) {
        List<Header> headers = new ArrayList<>();
        if (!text.equals("-")) {
            for (String header : text.split(",")) {
                String[] parts = header.split("=");
                headers.add(new RecordHeader(new String(bytes(parts[0]), StandardCharsets.UTF_8), bytes(parts[1])));
            }
        }
        return headers.toArray(new Header[0]);
    }

    private static String hex(ByteBuffer buffer) {
        if (buffer == null) {
            return "-";
        }
        byte[] bytes = new byte[buffer.remaining()];
        buffer.duplicate().get(bytes);
        return "x" + HEX.formatHex(bytes);
    }

    private static byte[] bytes(String text) {
        return text.equals("-") ? null : HEX.parseHex(text.substring(1));
    }
}
