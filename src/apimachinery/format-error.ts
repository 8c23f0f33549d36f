/** What was handed to this room in a form it cannot read. API errors are `StatusError`; the caller translates. */
export type FormatErrorCode =
  | 'InvalidSelector'
  | 'InvalidQuantity'
  | 'InvalidDuration'
  | 'InvalidIntOrString'
  | 'InvalidJson'
  | 'InvalidYaml'
  | 'InvalidTyped'
  | 'InvalidPatch'
  | 'InvalidFieldsV1'
  | 'InvalidJsonPath';

/** The room's one error class; `message` is upstream's text. */
export class FormatError extends Error {
  override readonly name = 'FormatError';
  readonly code: FormatErrorCode;

  constructor(code: FormatErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}
