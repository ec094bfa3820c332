import { type ChildProcess, spawn } from "node:child_process";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { connect } from "node:net";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { type Supervised, supervise } from "./supervised.js";

export interface RedisOptions {
  /** Folder of its data, configuration and log. */
  folder: string;
  port: number;
  password: string;
  say: (line: string) => void;
}

// The server goes when whoever started it goes, however: the guard sees the end of its standard input.
const guard = `
command -v redis-server >/dev/null 2>&1 && server=redis-server || server=valkey-server
exec 3<&0
"$server" "$1" 3<&- & pid=$!
trap 'kill -TERM $pid 2>/dev/null' TERM
trap '' INT
{ cat <&3 >/dev/null; kill -TERM $pid 2>/dev/null; } &
exec 3<&-
wait $pid; wait $pid 2>/dev/null`;

function configuration({ folder, port, password }: RedisOptions): string {
  return [
    "bind 127.0.0.1",
    `port ${port}`,
    `requirepass ${password}`,
    `dir "${folder}"`,
    `logfile "${join(folder, "redis.log")}"`,
    `pidfile "${join(folder, "redis.pid")}"`,
    "appendonly yes",
    "appendfsync everysec",
    // Append-only is enough for a hint.
    'save ""',
    "maxmemory-policy noeviction",
    "",
  ].join("\n");
}

/** Whether it answers PING; one try. */
function answers(port: number, password: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ port, host: "127.0.0.1" }, () => socket.write(`AUTH ${password}\r\nPING\r\n`));
    const end = (result: boolean) => {
      socket.destroy();
      resolve(result);
    };
    let text = "";
    socket.setTimeout(1_000, () => end(false));
    socket.on("data", (chunk) => {
      text += chunk.toString();
      if (text.includes("PONG")) end(true);
      else if (text.includes("-")) end(false);
    });
    socket.on("error", () => end(false));
  });
}

/** A Redis of the stack's own: loopback, password, append-only file, never evicts. */
export async function createRedis(
  options: RedisOptions,
): Promise<Supervised & { serverPid(): Promise<number | undefined> }> {
  await mkdir(options.folder, { recursive: true, mode: 0o700 });
  const file = join(options.folder, "redis.conf");
  // In a file, since other users can read command lines.
  await writeFile(file, configuration(options), { mode: 0o600 });
  const supervised = supervise({
    name: "redis",
    graceMs: 10_000,
    say: options.say,
    spawn: (): ChildProcess =>
      spawn("sh", ["-c", guard, "sluice-redis", file], { stdio: ["pipe", "ignore", "ignore"] }),
    async ready(child) {
      while (child.exitCode === null && child.signalCode === null) {
        if (await answers(options.port, options.password)) return;
        await sleep(50);
      }
    },
  });
  return {
    ...supervised,
    async serverPid() {
      const pid = Number(await readFile(join(options.folder, "redis.pid"), "utf8").catch(() => ""));
      return pid > 0 ? pid : undefined;
    },
  };
}
