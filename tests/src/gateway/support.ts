import { randomUUID } from "node:crypto";
import type { Role } from "@sluice/contracts";
import { createGateway, type Gateway, type GatewayOverrides, gatewayConfig } from "@sluice/gateway";
import { createLogger, createMetrics, readConfig } from "@sluice/runtime";
import { allScopes, type Scope, type ScopeName } from "@sluice/store";
import { createPipeline, type Pipeline } from "../support/pipeline.js";
import { tokenOf } from "./tokens.js";

export interface Tenant {
  scope: Scope;
  key: string;
  keyId: string;
}

export interface Person {
  id: string;
  sessionId: string;
  /** What a call by this person is sent with. */
  as: { key: null; headers: { authorization: string } };
}

export interface Answer {
  status: number;
  headers: Headers;
  // biome-ignore lint/suspicious/noExplicitAny: tests look into bodies of all shapes
  body: any;
}

export interface CallOptions {
  method?: string;
  key?: string | null;
  headers?: Record<string, string>;
  json?: unknown;
  /** Sent as it is. */
  body?: string | FormData | ReadableStream<Uint8Array>;
}

/** A gateway over a Redis and a Supabase of the test file's own, and how to call it. */
export interface GatewayFixture {
  pipeline: Pipeline;
  gateway: Gateway;
  tenant: Tenant;
  newTenant(scopes?: readonly ScopeName[], organizationId?: string): Promise<Tenant>;
  /** Somebody with a role in the organization and a live session. */
  newPerson(role?: Role, organizationId?: string): Promise<Person>;
  newGateway(env?: Record<string, string>, overrides?: GatewayOverrides): Promise<Gateway>;
  call(path: string, options?: CallOptions): Promise<Answer>;
  upload(files: UploadFile[], fields?: Record<string, string>, options?: CallOptions): Promise<Answer>;
  urlOf(path: string): string;
  destroy(): Promise<void>;
}

export interface UploadFile {
  bytes: string | Buffer;
  name?: string;
  type?: string;
}

export function formOf(files: UploadFile[], fields: Record<string, string> = {}): FormData {
  const form = new FormData();
  for (const [name, value] of Object.entries(fields)) form.append(name, value);
  for (const { bytes, name = "note.txt", type = "text/plain" } of files) {
    form.append("file", new Blob([bytes as never], { type }), name);
  }
  return form;
}

export async function createGatewayFixture(env: Record<string, string> = {}): Promise<GatewayFixture> {
  const pipeline = await createPipeline();
  const gateways: Gateway[] = [];
  const logger = createLogger("gateway", {
    level: "debug",
    destination: { write: (line: string) => void pipeline.logs.push(line) },
  });

  async function newGateway(more: Record<string, string> = {}, overrides?: GatewayOverrides): Promise<Gateway> {
    const config = readConfig(gatewayConfig, {
      ...pipeline.env,
      PORT: "0",
      SUPABASE_JWT_SECRET: pipeline.supabase.jwtSecret,
      AUTH_MFA: "off",
      AUTH_ANSWER_MS: "10",
      ...env,
      ...more,
    });
    const metrics = createMetrics("gateway");
    const gateway = createGateway(config, { logger, metrics, worker: "gateway-1", graceMs: 2_000 }, overrides);
    await gateway.start();
    gateways.push(gateway);
    return gateway;
  }
  async function newTenant(scopes: readonly ScopeName[] = allScopes, organizationId?: string): Promise<Tenant> {
    const id = organizationId ?? (await pipeline.store.tenancy.createOrganization({ name: "test" })).id;
    const key = await pipeline.store.apiKeys.asOperator.create({ organizationId: id, name: "test", scopes });
    return { scope: { organizationId: id, caller: { kind: "api_key", id: key.id } }, key: key.key, keyId: key.id };
  }
  async function newPerson(role?: Role, organizationId = tenant.scope.organizationId): Promise<Person> {
    const [id, sessionId] = [randomUUID(), randomUUID()];
    const { store, supabase } = pipeline;
    if (role !== undefined) await store.tenancy.setMember(organizationId, id, role);
    await store.sessions.open({ id: sessionId, userId: id, idleSeconds: 900, mostSeconds: 3_600 });
    const token = tokenOf(id, supabase.jwtSecret, { session_id: sessionId });
    return { id, sessionId, as: { key: null, headers: { authorization: `Bearer ${token}` } } };
  }
  const gateway = await newGateway();
  const tenant = await newTenant();
  const urlOf = (path: string) => `http://127.0.0.1:${gateway.port}${path}`;

  async function call(path: string, options: CallOptions = {}): Promise<Answer> {
    const headers: Record<string, string> = { ...options.headers };
    const key = options.key === undefined ? tenant.key : options.key;
    if (key !== null) headers["x-api-key"] = key;
    if (options.json !== undefined) headers["content-type"] = "application/json";
    const body = options.json === undefined ? options.body : JSON.stringify(options.json);
    const response = await fetch(path.startsWith("http") ? path : urlOf(path), {
      method: options.method ?? (body === undefined ? "GET" : "POST"),
      headers,
      body,
      duplex: "half",
    } as RequestInit);
    const text = await response.text();
    const json = response.headers.get("content-type")?.includes("json") === true;
    return { status: response.status, headers: response.headers, body: json ? JSON.parse(text) : text };
  }

  return {
    pipeline,
    gateway,
    tenant,
    newTenant,
    newPerson,
    newGateway,
    call,
    urlOf,
    upload: (files, fields, options) => call("/v1/documents", { ...options, body: formOf(files, fields) }),
    async destroy() {
      await Promise.all(gateways.map((each) => each.destroy()));
      await pipeline.destroy();
    },
  };
}
