import { execFile } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { parse } from "yaml";

export const infra = fileURLToPath(new URL("../../../infra/", import.meta.url));
export const rulesFolder = `${infra}prometheus/rules/`;

export interface Rule {
  record?: string;
  alert?: string;
  expr: string;
  for?: string;
  labels?: Record<string, string>;
  annotations?: Record<string, string>;
}

/** Every rule of every file. */
export function readRules(): Rule[] {
  return readdirSync(rulesFolder).flatMap((file) => {
    const { groups } = parse(readFileSync(rulesFolder + file, "utf8")) as { groups: { rules: Rule[] }[] };
    return groups.flatMap(({ rules }) => rules);
  });
}

export const alerts = () =>
  readRules().flatMap(({ alert, ...rule }) => (alert === undefined ? [] : [{ alert, ...rule }]));

export interface Panel {
  id: number;
  type: string;
  title: string;
  description: string;
  gridPos: { x: number; y: number; w: number; h: number };
  fieldConfig: { defaults: { unit: string } };
  datasource: { type: string; uid: string };
  targets: { refId: string; expr: string; legendFormat: string }[];
}
export interface Dashboard {
  uid: string;
  title: string;
  schemaVersion: number;
  panels: Panel[];
}

export function readDashboards(): Dashboard[] {
  const folder = `${infra}grafana/dashboards/`;
  return readdirSync(folder).map((file) => JSON.parse(readFileSync(folder + file, "utf8")) as Dashboard);
}

/** Runs a tool to its end; what it said is the error's where it fails. */
export async function run(command: string, args: string[], cwd?: string): Promise<string> {
  const { stdout, stderr } = await promisify(execFile)(command, args, { cwd }).catch(
    (error: { stdout?: string; stderr?: string; message: string }) => {
      throw new Error(`${command}: ${error.stdout ?? ""}${error.stderr ?? ""}${error.stdout ? "" : error.message}`);
    },
  );
  return stdout + stderr;
}
