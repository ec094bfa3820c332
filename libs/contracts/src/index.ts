/**
 * What the parts of Sluice promise each other. This package imports zod and nothing else.
 *
 * Glossary
 * - organization  the tenant; every row and every stored object belongs to one
 * - document      the identity of one thing taken in: organization, `externalId` where the sender has one, content hash
 * - ingestion     one run of one revision of a document through the pipeline; it carries the status
 * - revision      1, 2, 3 …: new bytes under the same `externalId`, or a reprocessing
 * - generation    raised by every cancel, retry, replay and re-queue of an ingestion; jobs name it, writes compare it
 * - stage         parse, chunk, embed: a transition of status, done by one worker service
 * - queue         where an ingestion waits for a stage: parse, ocr (scanned pages, same code as parse), chunk, embed
 * - part          a bounded piece of a stage's output, invisible until the stage is sealed
 * - seal          the one call that checks the parts, advances the status and names the next queue
 * - child         a document found inside another
 * - batch         a named set of ingestions with progress
 * - dead letter   an ingestion that will not get further without somebody's decision
 * - acceptance    the row written in the transaction behind a `202`; the ledger counts from these
 * - window        how many ingestions of one organization may have a job in Redis at once; the rest wait in Postgres
 * - lease         a worker's right to work on an ingestion (or a loop's right to run), on database time
 * - display text  a document's section texts joined by a blank line; spans are UTF-16 offsets into it
 */
export * from "./api.js";
export * from "./audit.js";
export * from "./errors.js";
export * from "./identities.js";
export * from "./jobs.js";
export * from "./operations.js";
export * from "./parsed.js";
export * from "./status.js";
export * from "./story.js";
export * from "./webhooks.js";
