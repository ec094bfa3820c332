import { readFileSync } from "node:fs";
import { join } from "node:path";
import { parse, parseAllDocuments } from "yaml";

export interface Manifest {
  apiVersion: string;
  kind: string;
  metadata: { name: string; namespace?: string; labels?: Record<string, string>; annotations?: Record<string, string> };
  // biome-ignore lint/suspicious/noExplicitAny: manifests of many kinds, whose shape the typed models check
  spec: any;
  data?: Record<string, string>;
}

interface Kustomization {
  namespace?: string;
  resources: string[];
  replicas?: { name: string; count: number }[];
  images?: { name: string; newName: string; newTag: string }[];
  patches?: { target: { kind: string; name?: string }; patch: string }[];
}
interface Operation {
  op: "add" | "replace";
  path: string;
  value: unknown;
}

/** Applies one operation of RFC 6902; a path that is not there, where it must be, is an error as it is kustomize's. */
function operate(manifest: Manifest, { op, path, value }: Operation): void {
  const keys = path
    .split("/")
    .slice(1)
    .map((key) => key.replaceAll("~1", "/").replaceAll("~0", "~"));
  const last = keys.pop() ?? "";
  let at = manifest as unknown as Record<string, unknown>;
  for (const key of keys) {
    at = at[key] as Record<string, unknown>;
    if (at === undefined) throw new Error(`${manifest.kind} ${manifest.metadata.name} has no ${path}`);
  }
  if (op === "replace" && !(last in at)) throw new Error(`${manifest.kind} ${manifest.metadata.name} has no ${path}`);
  at[last] = value;
}

/** As much of `kustomize build` as our overlays use: resources, namespace, replicas, images and JSON patches. Anything else is an error. */
export function build(folder: string): Manifest[] {
  const {
    namespace,
    resources,
    replicas = [],
    images = [],
    patches = [],
    ...rest
  } = parse(readFileSync(join(folder, "kustomization.yaml"), "utf8")) as Kustomization & Record<string, unknown>;
  const unknown = Object.keys(rest).filter((key) => !["apiVersion", "kind"].includes(key));
  if (unknown.length > 0) throw new Error(`not known here: ${unknown.join(", ")}`);
  const all = resources.flatMap((each) =>
    each.endsWith(".yaml")
      ? parseAllDocuments(readFileSync(join(folder, each), "utf8")).map((document) => document.toJS() as Manifest)
      : build(join(folder, each)),
  );
  for (const { target, patch } of patches) {
    const targets = all.filter(
      ({ kind, metadata }) => kind === target.kind && [undefined, metadata.name].includes(target.name),
    );
    if (targets.length === 0) throw new Error(`nothing is a ${target.kind} ${target.name ?? ""}`);
    for (const each of targets) for (const operation of parse(patch) as Operation[]) operate(each, operation);
  }
  for (const { name, count } of replicas) {
    const found = all.find(({ kind, metadata }) => kind === "Deployment" && metadata.name === name);
    if (found === undefined) throw new Error(`nothing is a Deployment ${name}`);
    found.spec.replicas = count;
  }
  for (const { name, newName, newTag } of images) {
    const used = all.flatMap((each) => (each.spec?.template?.spec?.containers ?? []) as { image: string }[]);
    const found = used.filter(({ image }) => image.startsWith(`${name}:`));
    if (found.length === 0) throw new Error(`no image is ${name}`);
    for (const each of found) each.image = `${newName}:${newTag}`;
  }
  if (namespace !== undefined) for (const { metadata } of all) metadata.namespace = namespace;
  return all;
}
