import { once } from "node:events";
import { connect } from "node:net";

/** Everything that a Redis holds is gone. Spoken by hand: only `@sluice/queue` knows a client. */
export async function flushRedis(url: string): Promise<void> {
  const { hostname, port, password } = new URL(url);
  const socket = connect({ host: hostname, port: Number(port) });
  let answer = "";
  socket.setEncoding("utf8").on("data", (text: string) => {
    answer += text;
  });
  socket.write(`AUTH ${password}\r\nFLUSHALL\r\nQUIT\r\n`);
  await once(socket, "close");
  if (answer.split("\r\n").filter((line) => line === "+OK").length !== 3) throw new Error("Redis was not flushed.");
}
