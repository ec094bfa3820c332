import { components, type Message, type Segment } from "./hl7-message.js";

/** What people call the segments one meets most. */
const labels: Record<string, string> = {
  PID: "Patient",
  PV1: "Visit",
  NK1: "Next of kin",
  AL1: "Allergy",
  IAM: "Allergy",
  DG1: "Diagnosis",
  PR1: "Procedure",
  IN1: "Insurance",
  GT1: "Guarantor",
  ORC: "Order",
  SPM: "Specimen",
  RXA: "Medication given",
  RXE: "Medication order",
  RXO: "Medication order",
  RXD: "Medication dispensed",
  RXR: "Route",
  SCH: "Appointment",
  TXA: "Document",
  FT1: "Transaction",
  PRB: "Problem",
  GOL: "Goal",
  RF1: "Referral",
  PRD: "Provider",
};

/** Envelope, not content. */
const envelope = new Set(["MSH", "SFT", "EVN", "UAC", "BHS", "FHS", "BTS", "FTS", "DSC"]);

/** Any segment as one readable line, or nothing where it holds no more than its own number. */
export function segmentLine(message: Message, segment: Segment): string {
  if (envelope.has(segment.name)) return "";
  const values = segment.fields.slice(1).flatMap((field) => {
    const repeated = components(message, field).map((parts) => unique(parts).join(" "));
    return repeated.filter(Boolean).join("; ") || [];
  });
  const isNumbered = /^\d{1,4}$/.test(values[0] ?? "") && !segment.name.startsWith("Z");
  return values.slice(isNumbered ? 1 : 0).some((value) => /[\p{L}\p{N}]/u.test(value))
    ? `${labels[segment.name] ?? segment.name}: ${values.join(" | ")}`
    : "";
}

export function noteText(message: Message, segment: Segment): string {
  return components(message, segment.fields[3])
    .map((parts) => parts.filter(Boolean).join(" "))
    .join("\n")
    .trim();
}

function unique(parts: string[]): string[] {
  return [...new Set(parts.filter(Boolean))];
}
