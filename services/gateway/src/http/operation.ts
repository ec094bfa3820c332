import type { ErrorCode } from "@sluice/contracts";
import type { Scope, ScopeName } from "@sluice/store";
import type { Request, Response } from "express";
import type { z } from "zod";
import type { Person } from "../auth/authenticate.js";
import type { NameProblem } from "./validate.js";

/** A call that was let in and whose input fits. */
export interface Call<Q, B> {
  scope: Scope;
  /** What the caller may do. */
  scopes: readonly string[];
  /** When the caller's token ends, where it is a token. */
  expiresAt: Date | null;
  /** Of an operation of scope `person`. */
  person: Person | null;
  /** `{id}` of the path; a uuid. */
  id: string;
  /** `{action}` of the path. */
  action: string;
  query: Q;
  body: B;
  request: Request;
  response: Response;
  /** Aborted when the caller goes away before the answer. */
  signal: AbortSignal;
}

export interface Answer {
  status: number;
  body?: unknown;
  headers?: Record<string, string>;
  /** Where it is not application/json. */
  mediaType?: string;
  /** Of the form that was answered; see `formDigest`. */
  formDigest?: string;
}

/** One call of the API: the routes, the checks and the OpenAPI document are all made from it. */
export interface OperationOf<Q, B> {
  method: "get" | "post" | "delete";
  /** With `{id}` for a uuid. */
  path: `/${string}`;
  tag: string;
  summary: string;
  description?: string;
  /**
   * What the caller must be allowed; `any` for whoever has a valid credential of an organization, `person` for somebody with a
   * session, of whatever organization or none, null for everybody.
   */
  scope: ScopeName | "any" | "person" | null;
  query?: z.ZodType<Q>;
  /** A JSON body; one that may be empty is read as `{}`. */
  body?: z.ZodType<B>;
  /** Codes of its own for what is wrong with the body. */
  nameProblem?: NameProblem;
  example?: B extends object ? z.input<z.ZodType<B>> | object : never;
  /** The body is lines of JSON (application/x-ndjson), read as an array. */
  isLines?: boolean;
  /** The body is a form with files, read by the handler. */
  multipart?: boolean;
  /** Reads a form that was answered before and keeps nothing of it but a digest, by which the two are compared. */
  formDigest?(call: { scope: Scope; request: Request }): Promise<string>;
  /**
   * What Idempotency-Key does. `replay`: the first answer is given again. `repeat`: for what only reads; the key is bound to the
   * request, but what is read is read again, so that nothing withdrawn meanwhile comes back.
   */
  idempotency?: "replay" | "repeat";
  answers: Record<number, { description: string; schema?: z.ZodType; mediaType?: string }>;
  /** No limit on how often it is asked: whoever keeps the gateway running must always learn how it is. */
  isUnlimited?: boolean;
  /** It adds to what waits: refused, before its body is read, while too much does. */
  isIntake?: boolean;
  /** Beside those that follow from scope, path, query and body. */
  problems?: ErrorCode[];
  /** Undefined: the handler has answered by itself. */
  handle(call: Call<Q, B>): Promise<Answer | undefined>;
}
export type Operation = OperationOf<unknown, unknown>;

/** Declares an operation; its input's types follow from its schemas. */
export function operation<Q = unknown, B = unknown>(declared: OperationOf<Q, B>): Operation {
  return declared as unknown as Operation;
}
