import { type ChildProcess, spawn } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { freePort } from "@sluice/local";
import { Redis } from "ioredis";

/** Three masters, each with a replica, on loopback. */
export interface RedisCluster {
  url: string;
  /** SIGKILL to a master that holds keys, for good; answers how many seconds later its replica was one. */
  killMaster(): Promise<number>;
  destroy(): Promise<void>;
}

const masters = 3;
const slots = 16_384;

interface Node {
  port: number;
  client: Redis;
  process: ChildProcess;
}

async function startNode(folder: string): Promise<Node> {
  const port = await freePort();
  const file = join(folder, `${port}.conf`);
  const lines = ["bind 127.0.0.1", `port ${port}`, `cluster-config-file ${port}.nodes`, `dir "${folder}"`, 'save ""'];
  await writeFile(file, [...lines, "appendonly no", "cluster-enabled yes", "cluster-node-timeout 2000", ""].join("\n"));
  const process = spawn("redis-server", [file], { stdio: "ignore" });
  const client = new Redis({ host: "127.0.0.1", port, maxRetriesPerRequest: null });
  client.on("error", () => {});
  while (client.status !== "ready") await sleep(20);
  return { port, client, process };
}

async function until(isSo: () => Promise<boolean>): Promise<void> {
  while (!(await isSo())) await sleep(50);
}

export async function startRedisCluster(): Promise<RedisCluster> {
  const folder = await mkdtemp(join(tmpdir(), "sluice-cluster-"));
  const nodes: Node[] = [];
  const destroy = async () => {
    for (const { client, process } of nodes) {
      client.disconnect();
      process.kill("SIGKILL");
    }
    await rm(folder, { recursive: true, force: true });
  };
  const ask = (node: Node, ...command: (string | number)[]) =>
    node.client.call(String(command[0]), ...command.slice(1).map(String)).then(String);
  try {
    for (let i = 0; i < masters * 2; i++) nodes.push(await startNode(folder));
    const [first, ...others] = nodes as [Node, ...Node[]];
    for (const [i, node] of nodes.slice(0, masters).entries()) {
      const [from, to] = [Math.round((slots / masters) * i), Math.round((slots / masters) * (i + 1)) - 1];
      await ask(node, "CLUSTER", "ADDSLOTSRANGE", from, to);
    }
    for (const node of others) await ask(first, "CLUSTER", "MEET", "127.0.0.1", node.port);
    await until(async () => /cluster_known_nodes:6/.test(await ask(others[4] as Node, "CLUSTER", "INFO")));
    for (const [i, replica] of nodes.slice(masters).entries()) {
      const id = await ask(nodes[i] as Node, "CLUSTER", "MYID");
      await until(async () => (await ask(replica, "CLUSTER", "NODES")).includes(id));
      await ask(replica, "CLUSTER", "REPLICATE", id);
    }
    for (const node of nodes)
      await until(async () => /cluster_state:ok[\s\S]*cluster_size:3/.test(await ask(node, "CLUSTER", "INFO")));
    for (const replica of nodes.slice(masters))
      await until(async () => /master_link_status:up/.test(await ask(replica, "INFO", "replication")));
  } catch (error) {
    await destroy();
    throw error;
  }
  return {
    url: `redis://127.0.0.1:${nodes[0]?.port}`,
    async killMaster() {
      const sizes = await Promise.all(nodes.slice(0, masters).map((node) => ask(node, "DBSIZE").then(Number)));
      const chosen = sizes.indexOf(Math.max(...sizes));
      const [master, replica] = [nodes[chosen] as Node, nodes[chosen + masters] as Node];
      master.client.disconnect();
      master.process.kill("SIGKILL");
      const began = performance.now();
      await until(async () => /role:master/.test(await ask(replica, "INFO", "replication")));
      return Math.round((performance.now() - began) / 100) / 10;
    },
    destroy,
  };
}
