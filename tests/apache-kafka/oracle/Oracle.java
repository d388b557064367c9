import java.io.BufferedInputStream;
import java.io.BufferedOutputStream;
import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.EOFException;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;

import org.apache.kafka.common.errors.RetriableException;
import org.apache.kafka.common.message.ApiMessageType;
import org.apache.kafka.common.message.ConsumerProtocolAssignment;
import org.apache.kafka.common.message.ConsumerProtocolSubscription;
import org.apache.kafka.common.protocol.ByteBufferAccessor;
import org.apache.kafka.common.protocol.Errors;
import org.apache.kafka.common.protocol.Message;
import org.apache.kafka.common.protocol.ObjectSerializationCache;
import org.apache.kafka.coordinator.common.runtime.CoordinatorRecord;
import org.apache.kafka.coordinator.group.GroupCoordinatorRecordSerde;

/**
 * Reads bytes with Apache Kafka's own classes, writes again what it understood, and answers that.
 *
 * <p>A question on standard input is a subject (as of {@link DataInputStream#readUTF}), a version
 * (16 bits), a length (32 bits) and as many bytes. An answer on standard output, in the order of the
 * questions, is 0 or 1 (8 bits), a length and as many bytes: those written, or an error as text.
 *
 * <p>Subjects: {@code request/KEY} and {@code response/KEY} for a body of the API; the names of the
 * consumer protocol's schemas for a value behind its version; {@code group-record} for a key and a
 * value (each behind its length, -1 for none) of the offsets topic; {@code apis} and {@code errors}
 * for tables.
 */
public final class Oracle {
    private Oracle() {
    }

    public static void main(String[] arguments) throws IOException {
        DataInputStream in = new DataInputStream(new BufferedInputStream(System.in));
        DataOutputStream out = new DataOutputStream(new BufferedOutputStream(System.out));
        while (true) {
            String subject;
            try {
                subject = in.readUTF();
            } catch (EOFException end) {
                break;
            }
            short version = in.readShort();
            byte[] bytes = new byte[in.readInt()];
            in.readFully(bytes);
            byte status = 0;
            byte[] answer;
            try {
                answer = answer(subject, version, ByteBuffer.wrap(bytes));
            } catch (RuntimeException error) {
                status = 1;
                answer = error.toString().getBytes(StandardCharsets.UTF_8);
            }
            out.writeByte(status);
            out.writeInt(answer.length);
            out.write(answer);
        }
        out.flush();
    }

    private static byte[] answer(String subject, short version, ByteBuffer bytes) {
        String[] parts = subject.split("/");
        switch (parts[0]) {
            case "request":
                return again(api(parts[1]).newRequest(), version, bytes);
            case "response":
                return again(api(parts[1]).newResponse(), version, bytes);
            case "ConsumerProtocolSubscription":
                return againBehindVersion(new ConsumerProtocolSubscription(), bytes);
            case "ConsumerProtocolAssignment":
                return againBehindVersion(new ConsumerProtocolAssignment(), bytes);
            case "group-record":
                return groupRecordAgain(bytes);
            case "apis":
                return apis().getBytes(StandardCharsets.UTF_8);
            case "errors":
                return errors().getBytes(StandardCharsets.UTF_8);
            default:
                throw new IllegalArgumentException("unknown subject " + subject);
        }
    }

    private static ApiMessageType api(String key) {
        return ApiMessageType.fromApiKey(Short.parseShort(key));
    }

    private static byte[] again(Message message, short version, ByteBuffer bytes) {
        message.read(new ByteBufferAccessor(bytes), version);
        requireEnd(bytes);
        ObjectSerializationCache cache = new ObjectSerializationCache();
        ByteBuffer written = ByteBuffer.allocate(message.size(cache, version));
        message.write(new ByteBufferAccessor(written), cache, version);
        requireEnd(written);
        return written.array();
    }

    private static byte[] againBehindVersion(Message message, ByteBuffer bytes) {
        short version = bytes.getShort();
        byte[] written = again(message, version, bytes);
        return ByteBuffer.allocate(2 + written.length).putShort(version).put(written).array();
    }

    private static byte[] groupRecordAgain(ByteBuffer bytes) {
        GroupCoordinatorRecordSerde serde = new GroupCoordinatorRecordSerde();
        ByteBuffer key = behindLength(bytes);
        ByteBuffer value = behindLength(bytes);
        CoordinatorRecord record = serde.deserialize(key, value);
        requireEnd(key);
        if (value != null) {
            requireEnd(value);
        }
        byte[] keyAgain = serde.serializeKey(record);
        byte[] valueAgain = serde.serializeValue(record);
        int valueLength = valueAgain == null ? 0 : valueAgain.length;
        ByteBuffer written = ByteBuffer.allocate(8 + keyAgain.length + valueLength);
        written.putInt(keyAgain.length).put(keyAgain);
        if (valueAgain == null) {
            written.putInt(-1);
        } else {
            written.putInt(valueLength).put(valueAgain);
        }
        return written.array();
    }

    private static ByteBuffer behindLength(ByteBuffer bytes) {
        int length = bytes.getInt();
        if (length < 0) {
            return null;
        }
        ByteBuffer slice = bytes.slice(bytes.position(), length);
        bytes.position(bytes.position() + length);
        return slice;
    }

    private static void requireEnd(ByteBuffer bytes) {
        if (bytes.hasRemaining()) {
            throw new IllegalArgumentException(bytes.remaining() + " bytes left");
        }
    }

    /** One line per API and version: key, version, version of the request and response header. */
    private static String apis() {
        StringBuilder lines = new StringBuilder();
        for (ApiMessageType api : ApiMessageType.values()) {
            short last = api.highestSupportedVersion(true);
            for (short version = api.lowestSupportedVersion(); version <= last; version++) {
                lines.append(api.apiKey()).append(' ').append(version).append(' ')
                    .append(api.requestHeaderVersion(version)).append(' ')
                    .append(api.responseHeaderVersion(version)).append('\n');
            }
        }
        return lines.toString();
    }

    /** One line per error: code, name, whether clients try again. */
    private static String errors() {
        StringBuilder lines = new StringBuilder();
        for (Errors error : Errors.values()) {
            lines.append(error.code()).append(' ').append(error.name()).append(' ')
                .append(error.exception() instanceof RetriableException).append('\n');
        }
        return lines.toString();
    }
}
