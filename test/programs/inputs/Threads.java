/*
 * Threads.java: a multi-threaded program for java_test.py. Everything it prints is independent of
 * scheduling. It makes the virtual machine allocate outside its own heap, which is where malloc is:
 * threads, classes loaded and compiled, direct buffers, deflaters and mapped files.
 */
import java.lang.reflect.InvocationHandler;
import java.lang.reflect.Proxy;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.security.MessageDigest;
import java.util.*;
import java.util.concurrent.*;
import java.util.concurrent.atomic.*;
import java.util.function.*;
import java.util.stream.*;
import java.util.zip.*;

public class Threads {
    static String digest(byte[] data) throws Exception {
        return HexFormat.of()
            .formatHex(MessageDigest.getInstance("SHA-256").digest(data))
            .substring(0, 16);
    }

    static byte[] bytes(long seed, int length) {
        byte[] out = new byte[length];
        SplittableRandom random = new SplittableRandom(seed);
        for (int i = 0; i < length; i++) {
            out[i] = (byte)("etaoin shrdlu".charAt(random.nextInt(13)));
        }
        return out;
    }

    /* Compress and inflate with the native library, once per round with new states. */
    static String compressRound(int id) throws Exception {
        byte[] data = bytes(id, 40000 + 1000 * id);
        Deflater deflater = new Deflater(1 + id % 9);
        byte[] packed = new byte[data.length];
        deflater.setInput(data);
        deflater.finish();
        int length = deflater.deflate(packed);
        deflater.end();
        Inflater inflater = new Inflater();
        byte[] opened = new byte[data.length];
        inflater.setInput(packed, 0, length);
        inflater.inflate(opened);
        inflater.end();
        return Arrays.equals(data, opened) ? digest(Arrays.copyOf(packed, length)) : "DIFFERS";
    }

    static long directBuffers(int id) {
        long sum = 0;
        List<ByteBuffer> held = new ArrayList<>();
        SplittableRandom random = new SplittableRandom(id);
        for (int i = 0; i < 300; i++) {
            ByteBuffer buffer =
                ByteBuffer.allocateDirect(1 + random.nextInt(i % 10 == 0 ? 400000 : 8000));
            for (int at = 0; at < buffer.capacity(); at++) {
                sum += buffer.get(at); /* fresh memory is zero */
            }
            buffer.put(0, (byte)i).put(buffer.capacity() - 1, (byte)i);
            held.add(buffer);
            if (held.size() > 60) {
                ByteBuffer old = held.remove(random.nextInt(held.size()));
                sum += old.get(old.capacity() - 1);
            }
        }
        for (ByteBuffer buffer : held) {
            sum += buffer.get(buffer.capacity() - 1);
        }
        return sum;
    }

    public static void main(String[] args) throws Exception {
        ExecutorService pool = Executors.newFixedThreadPool(8);
        List<Future<String>> packed = new ArrayList<>();
        List<Future<Long>> sums = new ArrayList<>();
        for (int i = 0; i < 120; i++) {
            final int id = i;
            packed.add(pool.submit(() -> compressRound(id)));
            if (i % 8 == 0) {
                sums.add(pool.submit(() -> directBuffers(id)));
            }
        }
        for (Future<String> result : packed) {
            System.out.println(result.get());
        }
        for (Future<Long> result : sums) {
            System.out.println(result.get());
        }
        pool.shutdown();

        /* Threads that come and go. */
        AtomicLong total = new AtomicLong();
        for (int round = 0; round < 40; round++) {
            Thread[] threads = new Thread[12];
            for (int i = 0; i < threads.length; i++) {
                final int id = round * 100 + i;
                threads[i] = new Thread(null,
                                        ()
                                            -> total.addAndGet(IntStream.range(0, 2000)
                                                                   .mapToObj(n -> "s" + n * id)
                                                                   .mapToInt(String::hashCode)
                                                                   .sum()),
                                        "t" + id, 256 * 1024);
                threads[i].start();
            }
            for (Thread thread : threads) {
                thread.join();
            }
        }
        System.out.println("threads " + total.get());

        /* Concurrent collections, with the garbage collector at work. */
        ConcurrentHashMap<String, LongAdder> words = new ConcurrentHashMap<>();
        IntStream.range(0, 400000).parallel().forEach(
            n
            -> words.computeIfAbsent("w" + (n * 2654435761L % 5003), k -> new LongAdder())
                   .increment());
        System.out.println("words " + words.size() + " " +
                           words.entrySet()
                               .stream()
                               .sorted(Map.Entry.comparingByKey())
                               .map(e -> e.getKey() + e.getValue())
                               .collect(Collectors.joining())
                               .hashCode());
        long kept = 0;
        for (int i = 0; i < 3000; i++) {
            kept += Stream.iterate(new int[] {i, 1}, p -> new int[] {p[1], p[0] ^ p[1] << 1})
                        .limit(200)
                        .mapToLong(p -> p[0])
                        .sum();
        }
        System.gc();
        System.out.println("kept " + kept);

        /* Classes made at run time. */
        double area = 0;
        for (int i = 0; i < 300; i++) {
            final int id = i;
            InvocationHandler handler = (proxy, method, arguments) -> (Double)arguments[0] * id;
            ClassLoader loader = new ClassLoader(Threads.class.getClassLoader()) {};
            DoubleUnaryOperator scale = (DoubleUnaryOperator)Proxy.newProxyInstance(
                i % 3 == 0 ? loader : Threads.class.getClassLoader(),
                new Class<?>[] {DoubleUnaryOperator.class}, handler);
            area += scale.applyAsDouble(1.5);
        }
        System.out.println("area " + area);

        /* A file through a mapping and through a compressed stream; a child process. */
        Path file = Path.of("java.data");
        byte[] content = bytes(77, 3_000_000);
        Files.write(file, content);
        try (FileChannel channel = FileChannel.open(file, StandardOpenOption.READ)) {
            byte[] seen = new byte[content.length];
            channel.map(FileChannel.MapMode.READ_ONLY, 0, content.length).get(seen);
            System.out.println("mapped " + digest(seen));
        }
        try (ZipOutputStream zip =
                 new ZipOutputStream(Files.newOutputStream(Path.of("java.zip")))) {
            for (int i = 0; i < 50; i++) {
                ZipEntry entry = new ZipEntry("e" + i);
                entry.setTime(1600000000000L);
                zip.putNextEntry(entry);
                zip.write(content, i * 1000, 20000);
            }
        }
        try (ZipFile zip = new ZipFile("java.zip")) {
            System.out.println("zip " + zip.size() + " " +
                               digest(zip.getInputStream(zip.getEntry("e49")).readAllBytes()));
        }
        Process child = new ProcessBuilder("cat", "java.data").redirectErrorStream(true).start();
        byte[] echoed = child.getInputStream().readAllBytes();
        System.out.println("child " + child.waitFor() + " " + digest(echoed));
    }
}
