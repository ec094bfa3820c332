/** Ends a run with one plain line that any reader of logs understands. */
export class ClosingLine {
  onRunComplete(_contexts, results) {
    const { numPassedTests, numFailedTests, numPendingTests, numRuntimeErrorTestSuites } = results;
    // A file that could not be run at all counts as a failure of its own.
    console.log(
      `\nTests: ${numPassedTests} passed, ${numFailedTests + numRuntimeErrorTestSuites} failed, ${numPendingTests} skipped`,
    );
  }
}
// Jest takes reporters by default export.
export default ClosingLine;
