// Serves HTTP, and ends when it is asked to.
const server = require("http").createServer((_, answer) => answer.end("hello\n")).listen(3000);
process.on("SIGTERM", () => server.close(() => process.exit(0)));
