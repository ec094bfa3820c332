import { OpenAPIRegistry, OpenApiGeneratorV31, type RouteConfig } from "@asteasolutions/zod-to-openapi";
import {
  describeCode,
  type ErrorCode,
  ManifestLine,
  Problem,
  Receipt,
  StreamEnd,
  StreamProgress,
} from "@sluice/contracts";
import { z } from "zod";
import type { Operation } from "../http/operation.js";
import { multipartBody } from "./multipart.js";
import { nameSchemas } from "./names.js";

const problemType = "application/problem+json";

/** The codes a call can be answered with, from what it declares. */
function codesOf(operation: Operation): ErrorCode[] {
  const codes: ErrorCode[] = [];
  if (operation.scope === null || operation.scope === "person") {
    if (operation.scope === "person") codes.push("unauthenticated");
    if (operation.tag === "auth") codes.push("database_unavailable");
  } else codes.push("unauthenticated", "forbidden", "organization_ambiguous", "mfa_required", "database_unavailable");
  if (operation.isUnlimited !== true) codes.push("rate_limited");
  if (operation.path.includes("{id}")) codes.push("not_found");
  if (operation.query !== undefined || operation.multipart === true) codes.push("request_invalid");
  if (operation.method === "post" && operation.multipart !== true) {
    codes.push("json_malformed", "body_too_large", "content_type_unsupported", "request_invalid");
  }
  if (operation.idempotency !== undefined) codes.push("idempotency_key_reused", "idempotency_in_progress");
  if (operation.formDigest !== undefined) codes.push("idempotency_form_differs");
  if (operation.isIntake === true)
    codes.push("organization_backlog_full", "organization_backlog_old", "backlog_full", "backlog_old");
  return [...new Set([...codes, ...(operation.problems ?? []), "internal_error" as const])];
}

function problemAnswers(operation: Operation): RouteConfig["responses"] {
  const byStatus = new Map<number, ErrorCode[]>();
  for (const code of codesOf(operation)) {
    const status = describeCode(code).status ?? 503;
    byStatus.set(status, [...(byStatus.get(status) ?? []), code]);
  }
  const schema =
    operation.multipart === true || operation.isLines === true
      ? z.intersection(Problem, z.object({ documents: z.array(Receipt).optional() }))
      : Problem;
  return Object.fromEntries(
    [...byStatus].map(([status, codes]) => [
      status,
      {
        description: codes.map((code) => `\`${code}\`: ${describeCode(code).title}`).join("\n\n"),
        content: { [problemType]: { schema } },
        ...(status === 503 || status === 429
          ? { headers: { "Retry-After": { description: "Seconds", schema: { type: "integer" } } } }
          : {}),
      },
    ]),
  );
}

function headersOf(operation: Operation) {
  const headers: Record<string, z.ZodType> = {};
  if (operation.scope !== null && operation.scope !== "person") {
    headers["X-Organization"] = z.uuid().optional().describe("For people who belong to several organizations");
  }
  if (operation.idempotency !== undefined) {
    headers["Idempotency-Key"] = z
      .string()
      .min(1)
      .max(255)
      .optional()
      .describe("The same key again, with the same request, is answered with the same answer for a day");
  }
  if (operation.path === "/v1/documents/{id}/stream") headers["Last-Event-ID"] = z.string().optional();
  return Object.keys(headers).length === 0 ? undefined : z.object(headers);
}

const linesOf = (example: unknown) =>
  (Array.isArray(example) ? example : []).map((line) => JSON.stringify(line)).join("\n");

function bodyOf(operation: Operation): NonNullable<RouteConfig["request"]>["body"] {
  if (operation.multipart === true) return multipartBody;
  if (operation.body === undefined) return undefined;
  const required = !operation.body.safeParse({}).success;
  const { example } = operation;
  if (operation.isLines === true)
    return {
      required,
      content: { "application/x-ndjson": { schema: z.string(), example: linesOf(example) } },
      description: "A line of JSON each, described by ManifestLine",
    };
  const content = { schema: operation.body, ...(example === undefined ? {} : { example }) };
  return { required, content: { "application/json": content } };
}

function routeOf(operation: Operation): RouteConfig {
  const answers = Object.entries(operation.answers).map(([status, { description, schema, mediaType }]) => [
    status,
    schema === undefined && mediaType === undefined
      ? { description }
      : { description, content: { [mediaType ?? "application/json"]: { schema: schema ?? z.string() } } },
  ]);
  const { method, path, tag, summary, description, scope } = operation;
  return {
    method,
    path,
    tags: [tag],
    summary,
    operationId: `${method}${path.replace(/[{}]/g, "").replace(/[^a-zA-Z0-9]+(\w)/g, (_all, letter: string) => letter.toUpperCase())}`,
    ...(description === undefined ? {} : { description }),
    security: scope === null ? [] : scope === "person" ? [{ bearer: [] }] : [{ apiKey: [] }, { bearer: [] }],
    ...(scope === null || scope === "any" ? {} : { "x-scope": scope }),
    request: {
      ...(path.includes("{id}") ? { params: z.object({ id: z.uuid() }) } : {}),
      ...(operation.query === undefined ? {} : { query: operation.query as z.ZodObject }),
      headers: headersOf(operation),
      body: bodyOf(operation),
    },
    responses: { ...problemAnswers(operation), ...Object.fromEntries(answers) },
  };
}

/** The API as OpenAPI 3.1, from the operations and their schemas. */
export function describeApi(operations: readonly Operation[], version: string): object {
  nameSchemas();
  const registry = new OpenAPIRegistry();
  registry.registerComponent("securitySchemes", "apiKey", { type: "apiKey", in: "header", name: "X-API-Key" });
  registry.registerComponent("securitySchemes", "bearer", { type: "http", scheme: "bearer", bearerFormat: "JWT" });
  for (const operation of operations) registry.registerPath(routeOf(operation));
  const definitions = [
    ...registry.definitions,
    ...[StreamProgress, StreamEnd, ManifestLine].map((schema) => ({ type: "schema" as const, schema })),
  ];
  return new OpenApiGeneratorV31(definitions).generateDocument({
    openapi: "3.1.0",
    info: {
      title: "Sluice",
      version,
      description:
        "Takes clinical documents in bulk and makes them searchable. Every list is paged by `cursor`; every problem is `application/problem+json` (RFC 9457) with a stable `code`; ids that are not there, somebody else's, or not ids at all are `not_found` alike.",
      license: { name: "Apache-2.0", identifier: "Apache-2.0" },
    },
    servers: [{ url: "/" }],
  });
}
