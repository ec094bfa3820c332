import { z } from "zod";
import type { GatewayContext } from "../context.js";
import { type Operation, operation } from "../http/operation.js";

/** A dependency that takes longer than this to say it is well is not. */
const patienceMs = 3_000;

const within = (check: Promise<boolean>): Promise<boolean> => {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<boolean>((resolve) => {
    timer = setTimeout(resolve, patienceMs, false);
  });
  return Promise.race([check.catch(() => false), late]).finally(() => clearTimeout(timer));
};

/** Whether each dependency answers. */
export async function readiness({ store, producer }: Pick<GatewayContext, "store" | "producer">) {
  const [database, redis] = await Promise.all([within(store.ready()), within(producer.ready())]);
  return { database, redis };
}

const Health = z.object({ status: z.literal("ok") });
const Ready = z.object({
  status: z.enum(["ok", "degraded", "unavailable"]),
  dependencies: z.object({ database: z.boolean(), redis: z.boolean() }),
});

/** For whoever keeps the gateway running. */
export function healthOperations(context: GatewayContext): Operation[] {
  return [
    operation({
      method: "get",
      path: "/healthz",
      tag: "service",
      summary: "The process answers",
      scope: null,
      isUnlimited: true,
      answers: { 200: { description: "It does", schema: Health } },
      handle: async () => ({ status: 200, body: { status: "ok" } }),
    }),
    operation({
      method: "get",
      path: "/readyz",
      tag: "service",
      summary: "Which dependency answers",
      description:
        "Without Redis the gateway is `degraded` and ready: documents are taken in, and queued when Redis is back. Without the database it is not.",
      scope: null,
      isUnlimited: true,
      answers: {
        200: { description: "Ready, or degraded", schema: Ready },
        503: { description: "Unavailable", schema: Ready },
      },
      async handle() {
        const dependencies = await readiness(context);
        const status = !dependencies.database ? "unavailable" : dependencies.redis ? "ok" : "degraded";
        return { status: dependencies.database ? 200 : 503, body: { status, dependencies } };
      },
    }),
    operation({
      method: "get",
      path: "/metrics",
      tag: "service",
      summary: "Metrics for Prometheus",
      scope: null,
      isUnlimited: true,
      answers: { 200: { description: "Text exposition format", mediaType: "text/plain" } },
      async handle({ response }) {
        const { registry } = context.metrics;
        response.setHeader("content-type", registry.contentType);
        response.end(await registry.metrics());
        return undefined;
      },
    }),
  ];
}
