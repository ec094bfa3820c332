import { createHash } from "node:crypto";
import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import { beginUpload, partHead } from "./raw.js";
import { createGatewayFixture, formOf, type GatewayFixture } from "./support.js";

const megabyte = 1024 * 1024;
const executable = Buffer.from([0x4d, 0x5a, 0x90, 0, 3, 0, 0, 0]);

describe("POST /v1/documents", () => {
  let g: GatewayFixture;
  beforeAll(async () => {
    g = await createGatewayFixture({ GATEWAY_MAX_FILE_MB: "1", GATEWAY_MAX_FILES_PER_REQUEST: "20" });
  });
  afterAll(() => g?.destroy());

  const count = async (table: string) =>
    Number(
      (
        await g.pipeline.supabase.query<{ n: string }>(
          `select count(*) n from ${table} where organization_id = '${g.tenant.scope.organizationId}'`,
        )
      )[0]?.n,
    );
  const stored = async (which: "kept" | "orphaned") =>
    Number(
      (
        await g.pipeline.supabase.query<{ n: string }>(
          `select count(*) n from storage.objects o where name like '${g.tenant.scope.organizationId}/%'
            and ${which === "orphaned" ? "not" : ""} exists (select from sluice.ingestions i where i.object_path = o.name)`,
        )
      )[0]?.n,
    );
  /** Removal is not waited for by the answer. */
  const settlesTo = async (which: "kept" | "orphaned", expected: number) => {
    while ((await stored(which)) !== expected) await new Promise((resolve) => setTimeout(resolve, 20));
  };

  it("answers for each file in order, durably, and stores the bytes as they came", async () => {
    const bytes = Buffer.from("Ein Befund: Häm. ✓");
    const { status, body } = await g.upload([
      { bytes, name: "Befund.txt" },
      { bytes: "# Second\n", name: "b.md" },
    ]);
    expect(status).toBe(202);
    expect(body.documents).toEqual([
      { id: expect.any(String), ingestionId: expect.any(String), status: "uploaded", revision: 1 },
      { id: expect.any(String), ingestionId: expect.any(String), status: "uploaded", revision: 1 },
    ]);
    const first = (await g.call(`/v1/documents/${body.documents[0].id}`)).body;
    expect(first).toMatchObject({
      fileName: "Befund.txt",
      byteLength: bytes.length,
      contentHash: createHash("sha256").update(bytes).digest("hex"),
      mediaType: "text/plain",
    });
    const link = (await g.call(`/v1/documents/${body.documents[0].id}/file`)).body;
    expect(link.url).not.toContain("Befund");
    expect(Buffer.from(await (await fetch(link.url)).arrayBuffer()).equals(bytes)).toBe(true);
    expect((await g.call(`/v1/documents/${body.documents[1].id}`)).body).toMatchObject({ mediaType: "text/markdown" });
  });

  it("applies fields to every file, wherever in the form they stand", async () => {
    const form = formOf([{ bytes: "before the fields" }, { bytes: "also before" }]);
    form.append("tags", "a");
    form.append("tags", '["b","c"]');
    form.append("metadata", '{"ward":"3B"}');
    form.append("patient", "MRN|42");
    const { status, body } = await g.call("/v1/documents", { body: form });
    expect(status).toBe(202);
    for (const { id } of body.documents) {
      const document = (await g.call(`/v1/documents/${id}`)).body;
      expect(document).toMatchObject({ tags: ["a", "b", "c"], metadata: { ward: "3B" }, patient: "MRN|42" });
    }
  });

  it("answers the same bytes with the document that is there, and keeps no second copy", async () => {
    const [first] = (await g.upload([{ bytes: "the same twice" }])).body.documents;
    const kept = await stored("kept");
    const [second] = (await g.upload([{ bytes: "the same twice" }])).body.documents;
    expect(second).toMatchObject({ id: first.id, duplicateOf: first.id, revision: 1, ingestionId: first.ingestionId });
    expect(await stored("kept")).toBe(kept);
    await settlesTo("orphaned", 0);
  });

  it("takes new bytes under a known external id as the next revision", async () => {
    const [first] = (await g.upload([{ bytes: "version one" }], { externalId: "x-1" })).body.documents;
    const [second] = (await g.upload([{ bytes: "version two" }], { externalId: "x-1" })).body.documents;
    expect(second).toMatchObject({ id: first.id, revision: 2 });
    expect(second).not.toHaveProperty("duplicateOf");
  });

  it("tries a failed document again when its bytes come again", async () => {
    const [first] = (await g.upload([{ bytes: "will fail" }])).body.documents;
    await g.pipeline.supabase.query(
      `update sluice.ingestions set status = 'failed', next_queue = null, failed_stage = 'parse', error_code = 'parser_crashed' where id = '${first.ingestionId}'`,
    );
    const [second] = (await g.upload([{ bytes: "will fail" }])).body.documents;
    expect(second).toMatchObject({ id: first.id, status: "uploaded", duplicateOf: first.id });
  });

  it("says what is wrong with each file and takes the others", async () => {
    const { status, body } = await g.upload([
      { bytes: "" },
      { bytes: executable, name: "x.pdf", type: "application/pdf" },
      { bytes: Buffer.alloc(megabyte + 1, "a") },
      { bytes: "a good one" },
      { bytes: Buffer.alloc(megabyte + 1, "b") },
      { bytes: "another good one" },
    ]);
    // The third is too large while nothing is stored yet: there is nobody to wait for.
    expect(status).toBe(400);
    expect(body.documents.map((each: { problem?: { code: string } }) => each.problem?.code)).toEqual([
      "file_empty",
      "media_type_unsupported",
      "file_too_large",
    ]);
    const again = await g.upload([
      { bytes: "a good one" },
      { bytes: Buffer.alloc(megabyte + 1, "b") },
      { bytes: executable },
      { bytes: "another good one" },
    ]);
    expect(again.status).toBe(202);
    expect(again.body.documents.map((each: { problem?: { status: number } }) => each.problem?.status)).toEqual([
      undefined,
      413,
      415,
      undefined,
    ]);
  });

  it.each([
    ["no body", {}, 400, "file_missing"],
    ["another content type", { json: { file: "x" } }, 415, "content_type_unsupported"],
    ["a form without a file", { body: formOf([], { externalId: "e" }) }, 400, "file_missing"],
    [
      "a form without an end",
      {
        headers: { "content-type": "multipart/form-data; boundary=b" },
        body: '--b\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\nabc',
      },
      400,
      "file_incomplete",
    ],
    ["no boundary", { headers: { "content-type": "multipart/form-data" }, body: "x" }, 400, "request_invalid"],
    [
      "no form at all",
      { headers: { "content-type": "multipart/form-data; boundary=b" }, body: "not a form" },
      400,
      "request_invalid",
    ],
  ])("refuses %s", async (_what, options, status, code) => {
    const accepted = await count("sluice.acceptances");
    const answer = await g.call("/v1/documents", { method: "POST", ...options });
    expect(answer).toMatchObject({ status, body: { status, code, requestId: expect.any(String) } });
    expect(answer.headers.get("content-type")).toContain("application/problem+json");
    expect(await count("sluice.acceptances")).toBe(accepted);
  });

  it("answers an empty file, an unsupported type and a large file with their problem and the receipts", async () => {
    const empty = await g.upload([{ bytes: "" }]);
    expect(empty).toMatchObject({
      status: 400,
      body: { code: "file_empty", documents: [{ problem: { status: 400 } }] },
    });
    const unsupported = await g.upload([{ bytes: executable }]);
    expect(unsupported).toMatchObject({ status: 415, body: { code: "media_type_unsupported" } });
    expect(unsupported.body.supported).toContain("application/pdf");
    expect(await g.upload([{ bytes: Buffer.alloc(2 * megabyte, "a") }])).toMatchObject({
      status: 413,
      body: { code: "file_too_large" },
    });
    expect(await g.upload([{ bytes: Buffer.alloc(megabyte, "exact ") }])).toMatchObject({ status: 202 });
  });

  it.each([
    ["batchId", { batchId: "not-a-uuid" }],
    ["colour", { colour: "red" }],
    ["metadata", { metadata: "{not json" }],
    ["tags", { tags: "[1" }],
    ["tags.0", { tags: "[1]" }],
    ["externalId", { externalId: "x".repeat(501) }],
    ["patient", { patient: "a\0b" }],
    ["metadata.a", { metadata: '{"a":"\\u0000"}' }],
  ])("names the field %s when it is wrong, and takes nothing", async (path, fields) => {
    const accepted = await count("sluice.acceptances");
    for (const body of [formOf([{ bytes: `wrong ${path}` }], fields as never), lastFields(path, fields as never)]) {
      const answer = await g.call("/v1/documents", { body });
      expect(answer).toMatchObject({ status: 400, body: { code: "request_invalid" } });
      expect(answer.body.errors).toContainEqual({ path, message: expect.any(String) });
    }
    expect(await count("sluice.acceptances")).toBe(accepted);
  });
  function lastFields(path: string, fields: Record<string, string>): FormData {
    const form = formOf([{ bytes: `wrong ${path}` }]);
    for (const [name, value] of Object.entries(fields)) form.append(name, value);
    return form;
  }

  it("refuses fields that are more than a megabyte together while they are still coming, and says the limit", async () => {
    const request = await beginUpload(g.gateway.port, g.tenant.key);
    const field = `${partHead(request.boundary, "tags")}${"t".repeat(200 * 1024)}\r\n`;
    while (await request.write(field));
    const answer = await request.answer();
    expect(answer).toMatch(/^HTTP\/1\.1 413 /);
    expect(answer).toContain('"code":"body_too_large"');
    expect(answer).toContain(`may hold ${megabyte} bytes`);
  });

  it("refuses the 51st tag without waiting for the rest of the form", async () => {
    const request = await beginUpload(g.gateway.port, g.tenant.key);
    for (let i = 0; i < 51; i++) await request.write(`${partHead(request.boundary, "tags")}${i}\r\n`);
    await request.write(partHead(request.boundary, "file", "never-ends.txt"));
    const answer = await request.answer();
    expect(answer).toMatch(/^HTTP\/1\.1 400 /);
    expect(answer).toContain('"errors":[{"path":"tags","message":"More than 50"}]');
  });

  it("refuses files under another name, too many files, and a field given twice", async () => {
    const form = new FormData();
    form.append("document", new Blob(["x"]), "x.txt");
    expect((await g.call("/v1/documents", { body: form })).body.errors).toEqual([
      { path: "document", message: "Files are parts named `file`" },
    ]);
    const many = await g.upload(Array.from({ length: 21 }, (_, i) => ({ bytes: `many ${i}` })));
    expect(many).toMatchObject({ status: 400, body: { errors: [{ path: "file" }] } });
    const twice = formOf([{ bytes: "twice" }], { externalId: "a" });
    twice.append("externalId", "b");
    expect((await g.call("/v1/documents", { body: twice })).body.errors).toMatchObject([{ path: "externalId" }]);
  });

  it("gives a batch's refusal for each file", async () => {
    const missing = await g.upload([{ bytes: "lost" }], { batchId: "00000000-0000-4000-8000-000000000000" });
    expect(missing).toMatchObject({ status: 404, body: { documents: [{ problem: { code: "not_found" } }] } });
    const batch = (await g.call("/v1/batches", { json: { name: "closing" } })).body;
    expect(await g.upload([{ bytes: "in time" }], { batchId: batch.id })).toMatchObject({ status: 202 });
    await g.call(`/v1/batches/${batch.id}/seal`, { json: { expected: 1 } });
    expect(await g.upload([{ bytes: "too late" }], { batchId: batch.id })).toMatchObject({
      status: 409,
      body: { code: "batch_closed", documents: [{ problem: { errors: [{ path: "batchId" }] } }] },
    });
  });

  it("answers 413 while a file that never ends is still coming, and closes", async () => {
    const request = await beginUpload(g.gateway.port, g.tenant.key);
    await request.write(partHead(request.boundary, "file", "endless.txt"));
    const piece = Buffer.alloc(64 * 1024, "endless ");
    let sent = 0;
    while (await request.write(piece)) sent += piece.length;
    const answer = await request.answer();
    expect(answer).toMatch(/^HTTP\/1\.1 413 /);
    expect(answer).toContain('"code":"file_too_large"');
    expect(answer.toLowerCase()).toContain("connection: close");
    expect(sent).toBeGreaterThan(megabyte);
    await settlesTo("orphaned", 0);
  });

  it("gives up on a part that goes on for more than the limit after a good file, and takes neither", async () => {
    const accepted = await count("sluice.acceptances");
    const request = await beginUpload(g.gateway.port, g.tenant.key);
    await request.write(`${partHead(request.boundary, "file", "good.txt")}a file before the endless one\r\n`);
    await request.write(partHead(request.boundary, "file", "endless.txt"));
    while (await request.write(Buffer.alloc(64 * 1024, "endless ")));
    expect(await request.answer()).toMatch(/^HTTP\/1\.1 413 /);
    await settlesTo("orphaned", 0);
    expect(await count("sluice.acceptances")).toBe(accepted);
  });

  it("takes nothing of a request that breaks off, and removes what was stored", async () => {
    const accepted = await count("sluice.acceptances");
    const request = await beginUpload(g.gateway.port, g.tenant.key);
    await request.write(`${partHead(request.boundary, "file", "whole.txt")}whole, but the request is not\r\n`);
    await request.write(partHead(request.boundary, "file", "part.txt"));
    await request.write(Buffer.alloc(100_000, "half of "));
    // Stored before the sender goes, so that there is something to remove.
    await settlesTo("orphaned", 1);
    request.socket.destroy();
    await settlesTo("orphaned", 0);
    expect(await count("sluice.acceptances")).toBe(accepted);
  });

  it("refuses a wrong key before the file is sent, when the sender asks", async () => {
    const request = await beginUpload(g.gateway.port, `slc_${"x".repeat(43)}`, ["Expect: 100-continue"]);
    const answer = await request.answer();
    expect(answer).toMatch(/^HTTP\/1\.1 401 /);
    const right = await beginUpload(g.gateway.port, g.tenant.key, ["Expect: 100-continue", "Connection: close"]);
    await new Promise((resolve) => right.socket.once("data", resolve));
    await right.write(`${partHead(right.boundary, "file", "asked.txt")}asked first\r\n--${right.boundary}--\r\n`);
    right.socket.write("0\r\n\r\n");
    expect(await right.answer()).toMatch(/^HTTP\/1\.1 100 Continue\r\n\r\nHTTP\/1\.1 202 /);
  });
});
