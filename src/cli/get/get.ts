/** `klab get`. Upstream: kubectl/pkg/cmd/get/get.go (1.36). */
import { isNotFound, type KubeObject, StatusError } from '../../apimachinery/index.ts';
import type { ResourceDescription } from '../../client/index.ts';
import { ManyErrors } from '../errors.ts';
import { exitCodes, UserError } from '../exit-codes.ts';
import { listOf, ObjectPrinter } from '../printers/object-printer.ts';
import { type OutputFormat, parseOutputFormat } from '../printers/output-format.ts';
import { sortBy, sortTable } from '../printers/sort.ts';
import { TabWriter, tableTabs } from '../printers/tab-writer.ts';
import { isTable, TablePrinter } from '../printers/table.ts';
import { type ResourceTarget, selectResources } from '../resource-args.ts';
import type { Session } from '../session.ts';
import { type Fetched, fetchTarget, itemsOf } from './fetch.ts';
import { type GetPlan, type GetRequest, type Output, tableOptionsOf } from './plan.ts';
import { watchResources } from './watch.ts';

/** @throws UserError, StatusError, ManyErrors (after printing what could be had). */
export async function getResources(session: Session, request: GetRequest, io: Output): Promise<void> {
  checkRequest(request);
  if (request.raw !== undefined) return getRaw(session, request.raw, io);
  const format = parseOutputFormat(request.output, request);
  const watches = request.watch || request.watchOnly;
  if (watches && request.sortBy) {
    io.err(
      request.watch
        ? 'warning: --watch requested, --sort-by will be ignored for watch events received'
        : 'warning: --watch-only requested, --sort-by will be ignored',
    );
  }
  if (!watches && request.words.length === 0 && !request.objects) {
    io.err(
      'You must specify the type of resource to get. Use "klab api-resources" for a complete list of supported resources.\n',
    );
    throw new UserError(
      'Required resource not specified.\n' +
        'Use "klab explain <resource>" for a detailed description of that resource (e.g. klab explain pods).\n' +
        "See 'klab get --help' for help and examples",
      exitCodes.usage,
    );
  }
  const plan = await planOf(session, request, format);
  if (watches) return watchResources(session, plan, io);
  if (format.kind === 'table') await printTables(session, plan, io);
  else await printObjects(session, plan, io);
}

function checkRequest(request: GetRequest): void {
  if (request.raw !== undefined) {
    if (request.words.length > 0) throw new UserError('arguments may not be passed when --raw is specified');
    if (request.watch || request.watchOnly || request.labelSelector) {
      throw new UserError(
        '--raw may not be specified with other flags that filter the server request or alter the output',
      );
    }
    if (request.output) throw new UserError('--raw and --output are mutually exclusive');
    if (!request.raw.startsWith('/')) {
      throw new UserError(
        `--raw must be a valid URL path: parse ${JSON.stringify(request.raw)}: invalid URI for request`,
      );
    }
  }
  if (request.showLabels && request.output && request.output !== 'wide') {
    throw new UserError(`--show-labels option cannot be used with ${request.output} printer`);
  }
  if (request.outputWatchEvents && !request.watch && !request.watchOnly) {
    throw new UserError('--output-watch-events option can only be used with --watch or --watch-only');
  }
}

async function planOf(session: Session, request: GetRequest, format: OutputFormat): Promise<GetPlan> {
  if (request.objects) {
    if (request.words.length > 0) {
      throw new UserError(
        'when paths, URLs, or stdin is provided as input, you may not specify resource arguments as well',
      );
    }
    const targets: ResourceTarget[] = [];
    for (const object of request.objects) {
      const resource = await session.resolveKind(object.apiVersion, object.kind);
      const namespace = resource.namespaced ? object.metadata.namespace || session.namespace : '';
      targets.push({ resource, namespace, name: object.metadata.name ?? '' });
    }
    return { request, format, targets, single: targets.length === 1, labelSelector: '', fieldSelector: '' };
  }
  const selection = await selectResources(session, request.words, {
    command: 'get',
    kindAlone: true,
    allNamespaces: request.allNamespaces,
    labelSelector: request.labelSelector,
    fieldSelector: request.fieldSelector,
    subresource: request.subresource,
    singleType: request.watch || request.watchOnly,
  });
  return { request, format, ...selection };
}

/** `--raw`: the answer as the server wrote it. */
async function getRaw(session: Session, raw: string, io: Output): Promise<void> {
  const [path = '', query = ''] = raw.split(/\?(.*)/s);
  const stream = await session.client.transport.stream(
    session.client.prepare({
      method: 'GET',
      path,
      query: Object.fromEntries(new URLSearchParams(query)),
      signal: session.signal,
    }),
  );
  const decoder = new TextDecoder();
  for await (const chunk of stream) io.out(decoder.decode(chunk, { stream: true }));
  io.out(decoder.decode());
}

/** All answers of a plan; errors are kept so that the other targets are still shown. */
async function fetchAll(
  session: Session,
  plan: GetPlan,
  tables: boolean,
): Promise<{ answers: Fetched[]; errors: Error[] }> {
  const { request } = plan;
  const options = {
    tables,
    wholeRows: request.sortBy !== undefined,
    labelSelector: plan.labelSelector,
    fieldSelector: plan.fieldSelector,
    chunkSize: request.sortBy ? 0 : (request.chunkSize ?? 500),
    subresource: request.subresource,
  };
  const results = await Promise.all(
    plan.targets.map(async (target) => {
      const answers: Fetched[] = [];
      try {
        for await (const answer of fetchTarget(session, target, options)) answers.push(answer);
        return { answers };
      } catch (error) {
        if (!(error instanceof StatusError)) throw error;
        return { answers, error };
      }
    }),
  );
  const errors = results.flatMap(({ error }) => (error ? [error] : []));
  return {
    answers: results.flatMap(({ answers }) => answers),
    errors: request.ignoreNotFound ? errors.filter((error) => !isNotFound(error)) : errors,
  };
}

async function printTables(session: Session, plan: GetPlan, io: Output): Promise<void> {
  const { request } = plan;
  const { answers, errors } = await fetchAll(session, plan, request.serverPrint ?? true);
  const kinds = new Set(answers.map(({ resource }) => `${resource.group}/${resource.version}/${resource.kind}`));
  const tabs = new TabWriter(tableTabs);
  let printer: TablePrinter | undefined;
  let last: ResourceDescription | undefined;
  let written = false;
  let separator = false;
  const flush = () => {
    const text = tabs.flush();
    if (text === '') return;
    io.out(separator ? `\n${text}` : text);
    separator = false;
    written = true;
  };
  for (const { resource, body } of answers) {
    if (!printer || resource !== last) {
      flush();
      tabs.forgetWidths();
      separator ||= last !== undefined && !request.noHeaders && written;
      printer = new TablePrinter(tableOptionsOf(plan, resource, kinds.size > 1));
      last = resource;
    }
    if (isTable(body)) printer.print(request.sortBy ? sortTable(body, request.sortBy) : body, tabs);
    else {
      const objects = itemsOf(body) ?? [body];
      printer.printPlain(request.sortBy ? sortBy(objects, request.sortBy, (o) => o) : objects, tabs);
    }
  }
  flush();
  if (!written && !request.ignoreNotFound && errors.length === 0) {
    const namespaced = !request.allNamespaces && answers.every(({ resource }) => resource.namespaced);
    io.err(namespaced ? `No resources found in ${session.namespace} namespace.` : 'No resources found');
  }
  throwAll(errors);
}

async function printObjects(session: Session, plan: GetPlan, io: Output): Promise<void> {
  const { request } = plan;
  if (plan.format.kind === 'table') return;
  const { answers, errors } = await fetchAll(session, plan, false);
  if (plan.single && errors.length > 0) throwAll(errors);
  const objects = answers.flatMap(({ body }) => itemsOf(body) ?? [body as KubeObject]);
  if (objects.length === 0 && request.ignoreNotFound) return throwAll(errors);
  const printer = new ObjectPrinter(plan.format, request);
  if (plan.single && objects.length === 1) io.out(printer.text(objects[0]));
  else io.out(printer.text(listOf(request.sortBy ? sortBy(objects, request.sortBy, (o) => o) : objects)));
  throwAll(errors);
}

function throwAll(errors: readonly Error[]): void {
  if (errors.length === 1) throw errors[0];
  if (errors.length > 1) throw new ManyErrors(errors);
}
