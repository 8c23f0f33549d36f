/** Custom resources: from a CustomResourceDefinition to the rows that serve it. */
export {
  type CrdCondition,
  type CrdNames,
  type CrdVersion,
  type CustomResourceDefinitionObject,
  type CustomRowsOptions,
  customRows,
} from './rows.ts';
export type { SchemaProps } from './schema.ts';
