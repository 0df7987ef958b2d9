/**
 * A bare broadcast on Deno: it sends one text of as many bytes to every socket, as often as Weir does.
 * It prints its port. Its arguments are the bytes and the milliseconds between two texts. A request to
 * /sent is answered by the times at which each broadcast began, by number (Unix ms).
 */
const [bytes = "6000", everyMs = "55"] = Deno.args;
const sockets = new Set<WebSocket>();
const sent: Record<string, number> = {};
const rest = "x".repeat(Number(bytes) - 50);
let number = 0;

Deno.serve({
  hostname: "127.0.0.1",
  port: 0,
  onListen: ({ port }) => console.log(port),
}, (request) => {
  if (request.url.endsWith("/sent")) return Response.json(sent);
  const { socket, response } = Deno.upgradeWebSocket(request);
  socket.onopen = () => sockets.add(socket);
  socket.onclose = () => sockets.delete(socket);
  return response;
});

setInterval(() => {
  sent[++number] = performance.timeOrigin + performance.now();
  const message = `{"id":"1:${number}","rest":"${rest}"}`;
  for (const socket of sockets) socket.send(message);
}, Number(everyMs));
