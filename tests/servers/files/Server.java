import com.sun.net.httpserver.HttpServer;
import java.net.InetSocketAddress;

/** Serves HTTP. */
class Server {
    public static void main(String[] arguments) throws Exception {
        HttpServer server = HttpServer.create(new InetSocketAddress(8080), 0);
        server.createContext("/", exchange -> {
            exchange.sendResponseHeaders(200, 6);
            exchange.getResponseBody().write("hello\n".getBytes());
            exchange.close();
        });
        server.start();
    }
}
