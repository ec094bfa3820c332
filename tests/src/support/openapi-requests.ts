import fc from "fast-check";

/** As much of JSON Schema as the served document uses. */
interface Schema {
  $ref?: string;
  type?: string | string[];
  enum?: unknown[];
  const?: unknown;
  anyOf?: Schema[];
  oneOf?: Schema[];
  allOf?: Schema[];
  properties?: Record<string, Schema>;
  required?: string[];
  additionalProperties?: boolean | Schema;
  items?: Schema;
  format?: string;
  minimum?: number;
  maximum?: number;
  exclusiveMinimum?: number;
  minLength?: number;
  maxLength?: number;
  minItems?: number;
  maxItems?: number;
}
interface Content {
  schema?: Schema;
  example?: unknown;
}
export interface Described {
  operationId: string;
  method: string;
  path: string;
  parameters: { name: string; in: string; required?: boolean; schema: Schema }[];
  requestBody?: { content: Record<string, Content> };
  responses: Record<string, unknown>;
  "x-scope"?: string;
}
export interface ApiDocument {
  paths: Record<string, Record<string, Omit<Described, "method" | "path">>>;
  components: { schemas: Record<string, Schema> };
}

/** A request as it goes over the wire. */
export interface WireRequest {
  method: string;
  path: string;
  headers: Record<string, string>;
  body?: Buffer;
}

export const operationsOf = ({ paths }: ApiDocument): Described[] =>
  Object.entries(paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, each]) => ({
      ...each,
      parameters: each.parameters ?? [],
      method: method.toUpperCase(),
      path,
    })),
  );

const words = fc.constantFrom("aspirin", "note", "x", "2026", "metformin dose", "Ward 7", "é ü 漢", "a|b");

/** What would hardly be right by chance. */
const known: Record<string, fc.Arbitrary<unknown>> = {
  model: fc.oneof(fc.constant("local/lexical-v1/384"), words),
  poison: fc.constantFrom("true", "false"),
};

/** What fits a schema, as far as the schema says. */
function fitting(schema: Schema, document: ApiDocument, depth = 0): fc.Arbitrary<unknown> {
  const inner = (each: Schema) => fitting(each, document, depth + 1);
  if (depth > 8) return fc.constant(null);
  if (schema.$ref !== undefined) return inner(document.components.schemas[schema.$ref.split("/").at(-1) ?? ""] ?? {});
  if (schema.const !== undefined) return fc.constant(schema.const);
  if (schema.enum !== undefined) return fc.constantFrom(...schema.enum);
  const choices = schema.anyOf ?? schema.oneOf;
  if (choices !== undefined) return fc.oneof(...choices.map(inner));
  if (schema.allOf !== undefined)
    return fc
      .tuple(...schema.allOf.map(inner))
      .map((parts) => Object.assign({}, ...parts.map((part) => part as object)) as unknown);
  const types = Array.isArray(schema.type) ? schema.type : [schema.type ?? "object"];
  return fc.oneof(...types.map((type) => ofType(type, schema, inner)));
}

function ofType(type: string, schema: Schema, inner: (each: Schema) => fc.Arbitrary<unknown>): fc.Arbitrary<unknown> {
  const most = (usual: number, limit?: number) => Math.min(usual, limit ?? usual);
  switch (type) {
    case "null":
      return fc.constant(null);
    case "boolean":
      return fc.boolean();
    case "integer":
    case "number": {
      const min = Math.max(schema.minimum ?? (schema.exclusiveMinimum ?? 0) + 1, -1_000);
      return fc.integer({ min: Math.ceil(min), max: Math.floor(Math.max(min, most(min + 1_000, schema.maximum))) });
    }
    case "array":
      return fc.array(inner(schema.items ?? {}), {
        minLength: schema.minItems ?? 0,
        maxLength: most(4, schema.maxItems),
      });
    case "object": {
      const properties = Object.entries(schema.properties ?? {}).map(([name, each]) => [
        name,
        known[name] ?? inner(each),
      ]);
      if (properties.length === 0) return fc.dictionary(fc.constantFrom("ward", "site", "n"), words, { maxKeys: 3 });
      return fc.record(Object.fromEntries(properties) as Record<string, fc.Arbitrary<unknown>>, {
        requiredKeys: schema.required ?? [],
      });
    }
    default:
      if (schema.format === "uuid") return fc.uuid();
      if (schema.format === "date-time")
        return fc
          .date({ min: new Date("2000-01-01"), max: new Date("2030-01-01"), noInvalidDate: true })
          .map((each) => each.toISOString());
      if (schema.format === "date") return fc.constantFrom("2020-02-29", "1999-12-31");
      if (schema.format === "uri")
        return fc.constantFrom("https://example.org/hook", "http://10.0.0.1/", "https://[::1]/");
      return words.filter(
        (word) => word.length >= (schema.minLength ?? 0) && word.length <= (schema.maxLength ?? 1_000),
      );
  }
}

const nasty: fc.Arbitrary<unknown> = fc.oneof(
  fc.constantFrom<unknown>(
    1e308,
    -1e308,
    2 ** 53,
    -1,
    0,
    0.1,
    2 ** 31,
    2 ** 63,
    null,
    true,
    "",
    [],
    {},
    [[]],
    "\u0000",
    "\ud800",
    "x".repeat(20_000),
    "../../etc/passwd",
    "' or 1=1 --",
    "%00",
    "{{7*7}}",
    "\u202e\u0007\u001b[2J",
    "9999-99-99",
    "275760-09-13T00:00:00Z",
    "-271821-04-20T00:00:00Z",
    "__proto__",
    { toString: 1, __proto__x: 1 },
    { constructor: { prototype: { admin: true } } },
  ),
  fc.jsonValue({ maxDepth: 3 }),
  fc.string({ unit: "binary", maxLength: 50 }),
);

/** Something inside the value, in place of which something else is put. */
function spoil(value: unknown, path: number[], what: unknown): unknown {
  if (typeof value !== "object" || value === null || path.length === 0) return what;
  const [first = 0, ...rest] = path;
  if (Array.isArray(value)) {
    if (value.length === 0) return [what];
    return value.map((each, i) => (i === first % value.length ? spoil(each, rest, what) : each));
  }
  const entries = Object.entries(value);
  if (entries.length === 0 || first % (entries.length + 1) === entries.length) return { ...value, unknown: what };
  return Object.fromEntries(
    entries.map(([k, v], i) => [k, i === first % (entries.length + 1) ? spoil(v, rest, what) : v]),
  );
}

const encode = (value: unknown) => JSON.stringify(value) ?? "null";

/** JSON as a client would not write it. */
const trick: fc.Arbitrary<(value: unknown) => Buffer> = fc.oneof(
  fc.constant((value: unknown) => Buffer.from(encode(value))),
  fc.constantFrom<(value: unknown) => Buffer>(
    // A key twice, and one that means something to JavaScript.
    (value) => Buffer.from(encode(value).replace(/^\{("[^"]*":)/, '{$1null,"__proto__":{"admin":true},$1')),
    (value) => Buffer.from(`${encode(value)}${encode(value)}`),
    (value) => Buffer.from(encode(value).slice(0, -1)),
    (value) =>
      Buffer.concat([Buffer.from(encode(value).slice(0, -1)), Buffer.from([0xff, 0xfe, 0xc0, 0x80]), Buffer.from("}")]),
    (value) => Buffer.from(encode(value).replace(/:"[^"]*"/, `:"${"\\ud83d"}"`)),
    (value) => Buffer.from(encode(value).replace(/:("[^"]*"|\d+)/, ":1e999")),
    (value) => Buffer.from(encode(value).replace(/:("[^"]*"|\d+)/, `:${"9".repeat(400)}`)),
    (value) => Buffer.from(encode(value).replace(/:("[^"]*"|\d+)/, `:${"[".repeat(5_000)}${"]".repeat(5_000)}`)),
    (value) => Buffer.from(`${'{"a":'.repeat(3_000)}${encode(value)}${"}".repeat(3_000)}`),
    (value) => Buffer.from(`\ufeff${encode(value)}`),
    (value) => Buffer.from(encode(value), "utf16le"),
    () => Buffer.alloc(0),
    () => Buffer.from("null"),
    () => Buffer.from([0x1f, 0x8b, 8, 0, 0, 0]),
  ),
);

const oddHeaders = fc.oneof(
  { weight: 4, arbitrary: fc.constant<Record<string, string>>({}) },
  {
    weight: 2,
    arbitrary: fc.constantFrom<Record<string, string>>(
      { "content-type": "text/html" },
      { "content-type": "application/json; charset=utf-7" },
      { "content-type": "application/json; charset=utf-16" },
      { "content-type": "application/json, text/plain" },
      { "content-type": ";;;" },
      { "content-encoding": "gzip" },
      { "content-encoding": "br, gzip, deflate" },
      { "content-encoding": "unknown" },
      { "accept-encoding": "gzip;q=x" },
      { accept: "application/xml" },
      { "x-http-method-override": "DELETE" },
      { "x-forwarded-for": "127.0.0.1, ::1, unknown" },
      { "x-forwarded-host": "evil.example", "x-forwarded-proto": "javascript" },
      { "x-request-id": "../../x" },
      { "idempotency-key": "\u00ff" },
      { "idempotency-key": "k".repeat(300) },
      { "last-event-id": "-1" },
      { "last-event-id": "99999999999999999999.99999999999999999999" },
      { range: "bytes=0-1,5-1" },
      { "if-none-match": "*" },
      { origin: "null" },
      { expect: "100-continue" },
      { expect: "the-unexpected" },
      { cookie: "a=b; a=c" },
      { authorization: "Basic YTpi" },
      { authorization: `Bearer ${"a".repeat(4_000)}` },
      { authorization: "Bearer eyJhbGciOiJub25lIn0.eyJzdWIiOiJ4In0." },
      { "x-organization": "not-an-id" },
    ),
  },
);

const boundary = "sluice-boundary";
type Part = { head: string; body: Buffer };
const parts: fc.Arbitrary<Part> = fc.oneof(
  fc.record({
    head: fc.constantFrom(
      'Content-Disposition: form-data; name="file"; filename="note.txt"\r\nContent-Type: text/plain',
      'Content-Disposition: form-data; name="file"; filename="../../../etc/passwd"',
      'Content-Disposition: form-data; name="file"; filename="a\\"b.pdf"\r\nContent-Type: application/pdf',
      "Content-Disposition: form-data; name=\"file\"; filename*=UTF-8''%e2%82%ac%zz.txt",
      'Content-Disposition: form-data; name="file"; filename=""',
      'Content-Disposition: form-data; name="file"',
      'Content-Disposition: form-data; name="__proto__"',
      'Content-Disposition: form-data; name="tags"',
      'Content-Disposition: form-data; name="metadata"',
      'Content-Disposition: form-data; name="externalId"',
      'Content-Disposition: form-data; name="batchId"',
      'Content-Disposition: form-data; name="patient"',
      "Content-Disposition: attachment",
      "Content-Type: multipart/mixed; boundary=inner",
      `X-Long: ${"x".repeat(10_000)}`,
      "",
    ),
    body: fc.oneof(
      fc
        .constantFrom("A note.", "", "%PDF-1.7", "[]", '{"a":', '{"ward":"7"}', "\u0000", "null", "PK\u0003\u0004")
        .map((text) => Buffer.from(text)),
      fc.uint8Array({ maxLength: 200 }).map((bytes) => Buffer.from(bytes)),
    ),
  }),
);
const wellFormed: fc.Arbitrary<Part[]> = fc.uuid().map((id) => [
  {
    head: 'Content-Disposition: form-data; name="file"; filename="note.txt"\r\nContent-Type: text/plain',
    body: Buffer.from(`A note about ${id}.`),
  },
]);

function formBody(all: Part[], end: string): Buffer {
  return Buffer.concat([
    ...all.flatMap(({ head, body }) => [Buffer.from(`--${boundary}\r\n${head}\r\n\r\n`), body, Buffer.from("\r\n")]),
    Buffer.from(end),
  ]);
}
const forms: fc.Arbitrary<{ type: string; body: Buffer }> = fc.oneof(
  wellFormed.map((all) => ({
    type: `multipart/form-data; boundary=${boundary}`,
    body: formBody(all, `--${boundary}--\r\n`),
  })),
  fc.record({
    type: fc.constantFrom(
      `multipart/form-data; boundary=${boundary}`,
      `multipart/form-data; boundary="${boundary}"`,
      "multipart/form-data",
      "multipart/form-data; boundary=other",
      `multipart/mixed; boundary=${boundary}`,
      `multipart/form-data; boundary=${"b".repeat(500)}`,
    ),
    body: fc
      .tuple(
        fc.array(parts, { maxLength: 4 }),
        fc.constantFrom(`--${boundary}--\r\n`, `--${boundary}`, "", "--", `--${boundary}--${boundary}--`),
      )
      .map(([all, end]) => formBody(all, end)),
  }),
);

/** Requests of an operation: about half as its description has them, the others in every way not. `ids` are what `{id}` may be. */
export function requestsOf(
  operation: Described,
  document: ApiDocument,
  ids: { own: () => string[]; all: () => string[] },
): fc.Arbitrary<(credentials: Record<string, string>) => WireRequest> {
  const pick = fc.tuple(fc.nat(), fc.nat({ max: 9 })).map(([n, kind]) => () => {
    const from = kind < 6 ? ids.own() : ids.all();
    return from[n % Math.max(1, from.length)] ?? "00000000-0000-4000-8000-000000000000";
  });
  const odd = fc.constantFrom("..%2f..", "%00", "%zz", "null", "0", "' or 1=1", "%F0%9F", "a".repeat(3_000));
  const id = fc.oneof({ weight: 9, arbitrary: pick }, { weight: 1, arbitrary: odd.map((text) => () => text) });

  // A cursor is what an answer gave: one that is made up is among what is spoilt.
  const named = operation.parameters.filter((each) => each.in === "query" && each.name !== "cursor");
  const asText = (value: unknown) => (typeof value === "object" ? encode(value) : String(value));
  const query = fc.record(
    Object.fromEntries(named.map(({ name, schema }) => [name, (known[name] ?? fitting(schema, document)).map(asText)])),
    { requiredKeys: named.filter(({ required }) => required === true).map(({ name }) => name) },
  );
  const spoiltQuery = fc
    .tuple(query, fc.constantFrom("limit", "cursor", "unknown", "__proto__", "limit[]", "status", "batch"), nasty)
    .map(([fit, name, value]) => ({
      ...fit,
      [name]: asText(value)
        .slice(0, 2_000)
        .replaceAll(/\p{Surrogate}/gu, "?"),
    }));
  const mostlyFit = (fit: typeof query) =>
    fc.oneof(
      { weight: 3, arbitrary: fit },
      { weight: named.length > 0 ? 3 : 1, arbitrary: spoiltQuery as typeof query },
    );

  const content = operation.requestBody?.content ?? {};
  const json = content["application/json"];
  const lines = content["application/x-ndjson"];
  const fit =
    json === undefined
      ? fc.constant<unknown>({})
      : fc.oneof(
          ...(json.example === undefined ? [] : [fc.constant(json.example)]),
          fitting(json.schema ?? {}, document),
        );
  const spoilt = fc
    .tuple(fit, fc.array(fc.nat(), { maxLength: 4 }), nasty, trick)
    .map(([value, at, what, write]) => write(spoil(value, at, what)));
  const jsonBody = fc
    .oneof(
      fit.map((value) => Buffer.from(encode(value))),
      spoilt,
    )
    .map((body) => ({ type: "application/json", body }));
  const line = fitting({ $ref: "#/components/schemas/ManifestLine" }, document);
  const lineBody = fc
    .oneof(
      fc.array(line, { maxLength: 5 }).map((all) => Buffer.from(all.map(encode).join("\n"))),
      fc.array(fc.oneof(line, nasty), { maxLength: 5 }).map((all) => Buffer.from(all.map(encode).join("\r\n"))),
      fc.uint8Array({ maxLength: 200 }).map((bytes) => Buffer.from(bytes)),
    )
    .map((body) => ({ type: "application/x-ndjson", body }));
  const body =
    operation.method !== "POST"
      ? fc.constant(undefined)
      : content["multipart/form-data"] !== undefined
        ? forms
        : lines !== undefined
          ? lineBody
          : jsonBody;

  return fc
    .tuple(id, mostlyFit(query), body, oddHeaders, fc.option(fc.uuid(), { freq: 3 }))
    .map(([of, parameters, sent, more, key]) => (credentials) => {
      const search = new URLSearchParams(parameters as Record<string, string>).toString();
      const path = operation.path.replace("{id}", of().replaceAll(" ", "%20").replaceAll("'", "%27"));
      return {
        method: operation.method,
        path: search === "" ? path : `${path}?${search}`,
        headers: {
          ...credentials,
          ...(sent === undefined ? {} : { "content-type": sent.type, "content-length": String(sent.body.length) }),
          ...(key === null || operation.method !== "POST" ? {} : { "idempotency-key": key }),
          ...more,
        },
        ...(sent === undefined ? {} : { body: sent.body }),
      };
    });
}
