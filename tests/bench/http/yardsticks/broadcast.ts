/**
 * A bare broadcast on Deno: it sends one text of as many bytes to every socket, as often as Weir does.
 * It prints its port. Its arguments are the bytes and the milliseconds between two texts.
 */
const [bytes = "6000", everyMs = "55"] = Deno.args;
const sockets = new Set<WebSocket>();
const message = "x".repeat(Number(bytes));

Deno.serve({
  hostname: "127.0.0.1",
  port: 0,
  onListen: ({ port }) => console.log(port),
}, (request) => {
  const { socket, response } = Deno.upgradeWebSocket(request);
  socket.onopen = () => sockets.add(socket);
  socket.onclose = () => sockets.delete(socket);
  return response;
});

setInterval(() => {
  for (const socket of sockets) socket.send(message);
}, Number(everyMs));
