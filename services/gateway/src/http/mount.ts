import { SluiceError } from "@sluice/contracts";
import { type Request, type RequestHandler, Router } from "express";
import { z } from "zod";
import type { Identity, Person } from "../auth/authenticate.js";
import type { GatewayContext } from "../context.js";
import { type Exchange, exchangeOf } from "./exchange.js";
import { withIdempotency } from "./idempotency.js";
import { createJsonReader, createLinesReader } from "./json.js";
import type { Answer, Operation } from "./operation.js";
import { keepPace } from "./pace.js";
import { answer, sendProblem } from "./problems.js";
import { noteForbidden, noteStranger } from "./refusals.js";
import { isUuid, validate } from "./validate.js";

/** A manifest may be so much longer than another body. */
const linesFactor = 16;
const nothing = z.strictObject({});
const nobody = { organizationId: "", caller: { kind: "api_key" as const, id: "" } };

/** The routes of the operations, and 405 for the other methods of their paths. */
export function mount(context: GatewayContext, operations: readonly Operation[]): Router {
  const router = Router({ caseSensitive: true });
  const limit = context.config.limits.maxJsonKb * 1024;
  const [readJson, readLines] = [createJsonReader(limit), createLinesReader(limit * linesFactor)];
  const allowed = new Map<string, string[]>();
  for (const operation of operations) {
    const path = operation.path.replace(/\{(\w+)\}/g, ":$1");
    router[operation.method](path, serve(context, operation, operation.isLines === true ? readLines : readJson));
    const methods = operation.method === "get" ? ["GET", "HEAD"] : [operation.method.toUpperCase()];
    allowed.set(path, [...(allowed.get(path) ?? []), ...methods]);
  }
  for (const [path, methods] of allowed) {
    router.all(path, (request, response) => {
      response.setHeader("allow", methods.join(", "));
      sendProblem(request, response, new SluiceError("method_not_allowed"));
    });
  }
  return router;
}

/** Who asks, as the operation wants to know it; a refusal counts and is written down. */
async function identify(
  { authenticate, limits, ...context }: GatewayContext,
  { scope }: Operation,
  request: Request,
  exchange: Exchange,
): Promise<{ person: Person | null; identity?: Identity }> {
  try {
    if (scope === null) return { person: null };
    if (scope === "person") return { person: await authenticate.person(request, exchange) };
    return { person: null, identity: await authenticate.caller(request, exchange) };
  } catch (thrown) {
    if (thrown instanceof SluiceError && thrown.code === "unauthenticated") await limits.refused(request);
    await noteStranger(context, request, exchange, thrown);
    throw thrown;
  }
}

function serve(
  context: GatewayContext,
  operation: Operation,
  readJson: ReturnType<typeof createJsonReader>,
): RequestHandler {
  return async (request, response) => {
    const exchange = exchangeOf(response);
    exchange.route = operation.path;
    // A stream has no headers worth asking for, and asking would open it.
    if (request.method === "HEAD" && operation.path.endsWith("/stream")) throw new SluiceError("method_not_allowed");
    if (operation.isUnlimited !== true) await context.limits.enter(request, response);
    const isOpen = operation.scope === null || operation.scope === "person";
    const { person, identity } = await identify(context, operation, request, exchange);
    if (identity !== undefined) await context.limits.identified(identity.scope.caller, response);
    const { scopes = [], scope = nobody, expiresAt = null } = identity ?? {};
    if (!isOpen && operation.scope !== "any" && !scopes.includes(operation.scope ?? "")) {
      await noteForbidden(context, request, exchange, scope);
      throw new SluiceError("forbidden");
    }
    if (operation.isIntake === true) await context.admit(scope.organizationId);
    if (request.headers.expect !== undefined) {
      response.writeContinue();
      request.headers.expect = undefined;
    }
    keepPace(request, response, context.config.http);
    const { id = "", action = "" } = request.params as Record<string, string | undefined>;
    if (operation.path.includes("{id}") && !isUuid(id)) throw new SluiceError("not_found");
    const query = validate<unknown>(operation.query ?? nothing, request.query);
    const raw = operation.multipart === true || operation.method !== "post" ? {} : await readJson(request, response);
    const body = validate<unknown>(operation.body ?? nothing, raw, operation.nameProblem);

    const gone = new AbortController();
    response.once("close", () => gone.abort());
    const handle = () =>
      operation.handle({
        scope,
        scopes,
        expiresAt,
        person,
        id: id.toLowerCase(),
        action,
        query,
        body,
        request,
        response,
        signal: gone.signal,
      });
    const answered: Answer | undefined =
      operation.idempotency === undefined
        ? await handle()
        : await withIdempotency(context, { operation, scope, request, raw }, handle);
    if (answered === undefined) return;
    response.set(answered.headers ?? {});
    if (answered.status === 204) response.status(204).end();
    else
      answer(
        request,
        response,
        answered.status,
        answered.body,
        answered.mediaType ?? "application/json; charset=utf-8",
      );
  };
}
