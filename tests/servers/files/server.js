// Serves HTTP; node sets no handler for SIGTERM by itself.
require("http").createServer((_, answer) => answer.end("hello\n")).listen(3000);
