import {
  describeCode,
  errorCodes,
  jobCatalog,
  type QueueName,
  queueNames,
  type Stage,
  stages,
} from "@sluice/contracts";
import type { Logger } from "@sluice/runtime";
import type { Store } from "@sluice/store";

const permanent = errorCodes.filter((code) => describeCode(code).kind === "permanent");
const queues = Object.fromEntries(
  stages.map((stage) => [stage, queueNames.filter((queue) => jobCatalog[queue].stage === stage)]),
) as Record<Stage, QueueName[]>;

/** Pauses a stage most of whose tries fail by no fault of the documents, before all of the archive is a dead letter. */
export function createFailureWatch(deps: {
  supervision: Store["supervision"];
  logger: Logger;
  windowMs: number;
  share: number;
  least: number;
}) {
  const { supervision, logger, ...watch } = deps;
  return async (): Promise<undefined> => {
    const opened = await supervision.watchFailures({ ...watch, permanent, queues });
    for (const { queue, organizationId } of opened)
      logger.error("stage.paused", { queue, organizationId, code: "stage_failing" });
    return undefined;
  };
}
