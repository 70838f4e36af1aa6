// Serves HTTP/2 without TLS, and nothing older.
require("http2").createServer((_, answer) => answer.end("hello\n")).listen(3000);
