import { SluiceError } from "@sluice/contracts";
import { errorFields } from "@sluice/runtime";
import type { Scope } from "@sluice/store";
import type { Request } from "express";
import type { GatewayContext } from "../context.js";
import type { Exchange } from "./exchange.js";
import { isUuid } from "./validate.js";

type Noting = Pick<GatewayContext, "store" | "logger">;

/** Method and route, as the audit has them; never the path. */
const actionOf = (request: Request, { route }: Exchange) => `${request.method} ${route}`;

/** Writes down that a caller wanted what its credential does not allow, which the gateway saw before the database was asked. */
export async function noteForbidden({ store, logger }: Noting, request: Request, exchange: Exchange, scope: Scope) {
  const { id } = request.params;
  const ids = typeof id === "string" && isUuid(id) ? [id] : [];
  await store.audit.noteRefusal(scope, actionOf(request, exchange), ids).catch(unnoted(logger, exchange));
}

/** Writes down a credential that is none, or none here. Passes on any other failure as it is. */
export async function noteStranger({ store, logger }: Noting, request: Request, exchange: Exchange, thrown: unknown) {
  if (!(thrown instanceof SluiceError) || !["unauthenticated", "forbidden"].includes(thrown.code)) return;
  const { requestId, organizationId, keyId, userId } = exchange;
  const address = request.ip === undefined ? {} : { address: request.ip };
  const id = keyId ?? userId;
  if (organizationId !== undefined && id !== undefined) {
    const caller = { kind: keyId === undefined ? ("user" as const) : ("api_key" as const), id, requestId, ...address };
    return noteForbidden({ store, logger }, request, exchange, { organizationId, caller });
  }
  // Nobody tried anything: no credential at all is what every browser sends first.
  const key = request.get("x-api-key") ?? request.get("authorization")?.replace(/^Bearer +/i, "");
  if (key === undefined) return;
  await store.audit
    .noteStranger({ requestId, ...address }, actionOf(request, exchange), key)
    .catch(unnoted(logger, exchange));
}

/** The refusal stands, whether or not it could be written down. */
const unnoted =
  (logger: Noting["logger"], { requestId, route }: Exchange) =>
  (error: unknown) =>
    logger.error("audit.unnoted", { requestId, route, ...errorFields(error) });
