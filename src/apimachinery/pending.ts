/* Signatures whose bodies land within the hour, file by file. */
function pending(name: string): never {
  throw new Error(`${name}: lands soon`);
}

// --- kubectl's JSONPath --------------------------------------------------------------------------------------------
export interface JsonPath {
  /** Values of every `{…}` block in order. @throws FormatError (InvalidJsonPath) when a key is missing and not allowed. */
  find(data: unknown): unknown[][];
  /** What kubectl prints. */
  render(data: unknown): string;
}
export interface JsonPathOptions {
  /** Missing keys give nothing instead of an error. Default true, as kubectl. */
  readonly allowMissingKeys?: boolean;
  /** Accept `.spec.x`, `spec.x`, `{.spec.x}` (kubectl's RelaxedJSONPathExpression). Default false. */
  readonly relaxed?: boolean;
}
/** @throws FormatError (InvalidJsonPath) with upstream's text. */
export function parseJsonPath(_text: string, _options?: JsonPathOptions): JsonPath {
  return pending('parseJsonPath');
}
