import { queueNames } from "@sluice/contracts";
import { createProducer, refuseEviction } from "@sluice/queue";
import { type ConfigOf, createLoop, type Service, type ServiceTools } from "@sluice/runtime";
import { chainKeys, createStore } from "@sluice/store";
import { createAnchors } from "./audit/anchors.js";
import { createSealer } from "./audit/sealer.js";
import { createAuditor } from "./auditor.js";
import { createCertificateWatch } from "./certificates.js";
import type { supervisorConfig } from "./config.js";
import { createDispatcher } from "./dispatcher.js";
import { createFailureWatch } from "./failure-watch.js";
import { createGauges } from "./gauges.js";
import { createHeartbeat } from "./heartbeat.js";
import { createIndexKeeper } from "./index-keeper.js";
import { createJobSweeper } from "./job-sweeper.js";
import { createLeadership } from "./leadership.js";
import { createReconciler } from "./reconciler.js";
import { createSweeper } from "./sweeper.js";
import { createSender } from "./webhooks/sender.js";

export { type Anchors, createAnchors } from "./audit/anchors.js";
export { createSealer } from "./audit/sealer.js";
export { supervisorConfig } from "./config.js";

/** Changes folded into the tallies in one turn. */
const foldLimit = 10_000;
/** Documents whose standing is worked out in one turn. */
const standingsLimit = 200;
/** Documents or vectors that a change of model looks at, or removes, in one turn. */
const reindexLimit = 500;

/** Sees to it that nothing is lost: feeds the queues, finds what is stranded, removes leftovers, watches the ledger. */
export function createSupervisor(config: ConfigOf<typeof supervisorConfig>, tools: ServiceTools): Service {
  const { logger, metrics, worker } = tools;
  const store = createStore({ ...config.store, metrics });
  const { supervision } = store;
  const producer = createProducer({ redis: config.queue, prefix: config.queue.prefix, logger, metrics });
  const leadership = createLeadership({ ledger: supervision, holder: worker, leaseMs: config.leaseMs, logger });

  const whileLeading = (name: string, everyMs: number, turn: () => Promise<boolean | undefined>) =>
    createLoop({ name, everyMs, restMs: 50, logger, turn: async () => (leadership.leads() ? turn() : false) });
  const dispatcher = createDispatcher({
    supervision,
    producer,
    metrics,
    window: config.window,
    limit: config.dispatchLimit,
  });
  const dispatching = whileLeading("dispatch", config.dispatchMs, dispatcher.turn);
  // A job that ended made room: while there is a backlog it is filled at once.
  const unlisten = producer.onNudge(() => {
    if (dispatcher.busy()) dispatching.nudge();
  });
  const auditor = createAuditor({ supervision, metrics, logger });
  const sealer =
    config.audit.sealKey === undefined
      ? undefined
      : createSealer({
          audit: store.audit,
          keys: chainKeys(config.audit.sealKey),
          anchors: createAnchors(config.audit),
          anchorMs: config.audit.anchorMs,
          metrics,
          logger,
        });
  const gauges = createGauges({ supervision, producer, metrics, logger });
  const heartbeat = createHeartbeat({ store, producer, metrics });
  const sender = createSender({ webhooks: store.webhooks, metrics, logger, ...config.webhooks });
  const loops = [
    dispatching,
    whileLeading(
      "reconcile",
      config.reconcileMs,
      createReconciler({
        supervision,
        producer,
        metrics,
        logger,
        graceMs: config.reconcileGraceMs,
        leaseMs: config.worker.leaseMs,
        maxDeaths: config.worker.maxDeaths,
      }),
    ),
    whileLeading(
      "sweep",
      config.sweepMs,
      createSweeper({ store, metrics, logger, orphanGraceMs: config.orphanGraceMs }),
    ),
    whileLeading("jobs", config.sweepMs, createJobSweeper({ supervision, producer, metrics })),
    whileLeading("failures", 5_000, createFailureWatch({ supervision, logger, ...config.failures })),
    whileLeading("recount", config.recountMs, auditor.ingestions),
    whileLeading("recount-tallies", config.recountMs, auditor.tallies),
    ...(sealer === undefined ? [] : [whileLeading("audit-seal", config.audit.sealMs, sealer.turn)]),
    whileLeading("webhooks", config.webhooks.intervalMs, sender.turn),
    whileLeading("webhooks-forget", 600_000, sender.forget),
    createLoop({
      name: "gauges",
      everyMs: 5_000,
      logger,
      turn: () => (leadership.leads() ? gauges.measure() : gauges.standBy()),
    }),
    createLoop({
      name: "certificates",
      everyMs: 600_000,
      logger,
      turn: createCertificateWatch({ supabase: config.store.url, redis: config.queue.url }, metrics),
    }),
    ...(config.heartbeatMs === 0
      ? []
      : [
          whileLeading("heartbeat", config.heartbeatMs, heartbeat.send),
          whileLeading("heartbeat-age", 5_000, heartbeat.measure),
        ]),
    whileLeading(
      "indexes",
      config.indexes.everyMs,
      createIndexKeeper({ vectorIndexes: store.vectorIndexes, logger, ...config.indexes }),
    ),
    whileLeading(
      "standings",
      1_000,
      async () => (await supervision.settleStandings(standingsLimit)) === standingsLimit,
    ),
    whileLeading("reindex", config.reindexMs, async () => {
      const { flipped, more } = await store.reindexes.step(reindexLimit);
      if (flipped > 0) {
        logger.info("reindex.flipped", { count: flipped });
        producer.nudge();
      }
      return more;
    }),
    whileLeading("tallies", 2_000, async () => (await supervision.foldTallies(foldLimit)) === foldLimit),
  ];
  for (const queue of queueNames) metrics.requeued.inc({ queue }, 0);
  metrics.miscounted.inc(0);
  let destroying: Promise<void> | undefined;
  return {
    async start() {
      await refuseEviction(config.queue);
      if (sealer === undefined) logger.warn("audit.not_sealed", { variable: "AUDIT_SEAL_KEY" });
      await leadership.start();
      for (const loop of loops) loop.start();
    },
    destroy() {
      destroying ??= (async () => {
        unlisten();
        sender.destroy();
        await Promise.all(loops.map((loop) => loop.destroy()));
        await sealer?.destroy();
        await leadership.destroy();
        await producer.destroy();
      })();
      return destroying;
    },
    ready: async () => ({ database: await store.ready(), redis: await producer.ready() }),
  };
}
