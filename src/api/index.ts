/**
 * api: every served resource as a row of data, with its defaults, validation and printer.
 */
export {
  apiVersionOf,
  type Column,
  groupResourceName,
  type PrintContext,
  type ResourceDefinition,
  type ScaleSubresource,
  type Strategy,
  type StrategyContext,
  type SubresourceDefinition,
  type TablePrinter,
  type Verb,
} from './definition.ts';
