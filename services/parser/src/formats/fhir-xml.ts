import { FhirSource } from "../reading/fhir-source.js";
import { fhirNamespace } from "../reading/fhir-xml.js";
import { fhir, parseFhir } from "./fhir.js";
import type { Format } from "./format.js";

/** Resources and Bundles in XML, read as what they would be in JSON. */
export const fhirXml: Format = {
  name: "fhir-xml",
  label: "FHIR (XML)",
  family: "xml",
  recognise: (probe) => (probe.xmlRoot()?.namespace === fhirNamespace ? 20 : null),
  keeps: fhir.keeps,
  codes: fhir.codes,
  limits: fhir.limits,
  mediaTypes: ["application/fhir+xml"],
  aliases: ["application/xml", "text/xml", "application/xml+fhir", "text/plain"],
  parse: async (source, out, limits) => parseFhir(FhirSource.xml(source.path, limits.maxDepth), out, limits),
};
