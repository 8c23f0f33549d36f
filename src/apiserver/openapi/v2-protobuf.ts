/**
 * The OpenAPI v2 document as protobuf, the only form in which client-go asks for it. Field numbers: gnostic's
 * openapiv2/OpenAPIv2.proto (package openapi.v2). One table says both what a message looks like and how JSON becomes it;
 * what no document of Kubernetes has (OAuth, forms, files, headers, tags) is not in it.
 */
import {
  bool,
  bytes,
  double,
  type Field,
  int64,
  type MessageType,
  message,
  nested,
  repeated,
  string,
} from '../../wire/index.ts';

type Json = any;

/** A message and how JSON becomes its value. */
interface Form {
  readonly type: MessageType<any>;
  from(json: Json): object;
}

/** A field of a message that a JSON property becomes. */
interface Property {
  readonly field: Field<any>;
  from(json: Json): unknown;
}

const same = (json: Json): unknown => json;
const scalar =
  (field: (no: number) => Field<any>) =>
  (no: number): Property => ({ field: field(no), from: same });
const text = scalar(string);
const flag = scalar(bool);
const number = scalar(double);
const integer = scalar(int64);
const texts = (no: number): Property => ({ field: repeated(string(no)), from: same });

// `of` is a thunk where messages contain themselves.
const one = (no: number, of: () => Form): Property => ({
  field: nested(no, () => of().type),
  from: (json) => of().from(json),
});
const many = (no: number, of: () => Form): Property => ({
  field: repeated(nested(no, () => of().type)),
  from: (json: Json[]) => json.map((item) => of().from(item)),
});

/**
 * Of an object with known properties. `x-…` properties go to the field `extensions` as YAML texts, of which JSON is one.
 * Properties that are not in the table have no place in the message.
 */
function record(name: string, properties: Readonly<Record<string, Property>>, extensions?: number): Form {
  const fields: Record<string, Field<any>> = {};
  for (const key in properties) fields[key] = properties[key]!.field;
  if (extensions !== undefined) fields['vendorExtension'] = repeated(nested(extensions, () => namedAny.type));
  return {
    type: message(name, fields),
    from: (json) => {
      const value: Record<string, unknown> = {};
      const extended: object[] = [];
      for (const key in json) {
        const property = properties[key];
        if (property) value[key] = property.from(json[key]);
        else if (key.startsWith('x-')) extended.push(namedAny.from([key, json[key]]));
      }
      if (extended.length > 0) value['vendorExtension'] = extended;
      return value;
    },
  };
}

/** Of a `[name, value]` pair of a map: maps are lists of pairs, which keeps their order. */
function pair(name: string, of: () => Form): Form {
  return {
    type: message(name, { name: string(1), value: nested(2, () => of().type) }),
    from: ([key, json]: [string, Json]) => ({ name: key, value: of().from(json) }),
  };
}

function pairs(name: string, of: Form, no = 1): Form {
  return {
    type: message(name, { entries: repeated(nested(no, of.type)) }),
    from: (json) => ({ entries: Object.entries(json).map((entry) => of.from(entry)) }),
  };
}

/** A message with one field: an alternative of a oneof, or a list that could not be repeated otherwise. */
function wrapped(name: string, property: Property): Form {
  return { type: message(name, { value: property.field }), from: (json) => ({ value: property.from(json) }) };
}

const any: Form = {
  type: message('Any', { yaml: string(2) }),
  from: (json) => ({ yaml: `${JSON.stringify(json)}\n` }),
};
const namedAny = pair('NamedAny', () => any);

const constraints = (from: number): Record<string, Property> => ({
  maximum: number(from),
  exclusiveMaximum: flag(from + 1),
  minimum: number(from + 2),
  exclusiveMinimum: flag(from + 3),
  maxLength: integer(from + 4),
  minLength: integer(from + 5),
  pattern: text(from + 6),
  maxItems: integer(from + 7),
  minItems: integer(from + 8),
  uniqueItems: flag(from + 9),
});

const asList = (json: Json): Json[] => (Array.isArray(json) ? json : [json]);
const listOf = (property: Property): Property => ({ ...property, from: (json) => property.from(asList(json)) });

const typeItem = wrapped('TypeItem', listOf(texts(1)));
const itemsItem = wrapped('ItemsItem', listOf(many(1, () => schema)));
const additionalPropertiesItem: Form = {
  type: message('AdditionalPropertiesItem', { schema: nested(1, () => schema.type), boolean: bool(2) }),
  from: (json) => (typeof json === 'boolean' ? { boolean: json } : { schema: schema.from(json) }),
};
const namedSchema = pair('NamedSchema', () => schema);
const properties = pairs('Properties', namedSchema);

const schema: Form = record(
  'Schema',
  {
    $ref: text(1),
    format: text(2),
    title: text(3),
    description: text(4),
    default: one(5, () => any),
    multipleOf: number(6),
    ...constraints(7),
    maxProperties: integer(17),
    minProperties: integer(18),
    required: texts(19),
    enum: many(20, () => any),
    additionalProperties: one(21, () => additionalPropertiesItem),
    type: one(22, () => typeItem),
    items: one(23, () => itemsItem),
    allOf: many(24, () => schema),
    properties: one(25, () => properties),
    discriminator: text(26),
    readOnly: flag(27),
    example: one(30, () => any),
  },
  31,
);

const primitivesItems: Form = record(
  'PrimitivesItems',
  {
    type: text(1),
    format: text(2),
    items: one(3, () => primitivesItems),
    collectionFormat: text(4),
    default: one(5, () => any),
    ...constraints(6),
    enum: many(16, () => any),
    multipleOf: number(17),
  },
  18,
);

/** Parameters by where they are: those of the query have one field more, which moves the numbers of the others. */
function parameterSubSchema(name: string, more: Readonly<Record<string, Property>>): Form {
  const at = 5 + Object.keys(more).length;
  const table = {
    required: flag(1),
    in: text(2),
    description: text(3),
    name: text(4),
    ...more,
    type: text(at),
    format: text(at + 1),
    items: one(at + 2, () => primitivesItems),
    collectionFormat: text(at + 3),
    default: one(at + 4, () => any),
    ...constraints(at + 5),
    enum: many(at + 15, () => any),
    multipleOf: number(at + 16),
  };
  return record(name, table, at + 17);
}

const bodyParameter = record(
  'BodyParameter',
  { description: text(1), name: text(2), in: text(3), required: flag(4), schema: one(5, () => schema) },
  6,
);
/** By `in`: the field of NonBodyParameter. */
const nonBody: Readonly<Record<string, Property>> = {
  header: one(1, () => headerParameter),
  query: one(3, () => queryParameter),
  path: one(4, () => pathParameter),
};
const headerParameter = parameterSubSchema('HeaderParameterSubSchema', {});
const queryParameter = parameterSubSchema('QueryParameterSubSchema', { allowEmptyValue: flag(5) });
const pathParameter = parameterSubSchema('PathParameterSubSchema', {});
const nonBodyParameter: Form = {
  type: message('NonBodyParameter', Object.fromEntries(Object.entries(nonBody).map(([at, { field }]) => [at, field]))),
  from: (json) => ({ [json.in]: nonBody[json.in]?.from(json) }),
};
const parameter: Form = {
  type: message('Parameter', { body: nested(1, bodyParameter.type), nonBody: nested(2, nonBodyParameter.type) }),
  from: (json) => (json.in === 'body' ? { body: bodyParameter.from(json) } : { nonBody: nonBodyParameter.from(json) }),
};
const reference = record('JsonReference', { $ref: text(1), description: text(2) });

/** What may stand as a reference instead. */
function orReference(name: string, of: Form): Form {
  return {
    type: message(name, { value: nested(1, of.type), reference: nested(2, reference.type) }),
    from: (json) => ('$ref' in json ? { reference: reference.from(json) } : { value: of.from(json) }),
  };
}

const parametersItem = orReference('ParametersItem', parameter);
const schemaItem = wrapped(
  'SchemaItem',
  one(1, () => schema),
);
const response = record('Response', { description: text(1), schema: one(2, () => schemaItem) }, 5);
const responseValue = orReference('ResponseValue', response);
const responses = pairs(
  'Responses',
  pair('NamedResponseValue', () => responseValue),
);

const stringArray = wrapped('StringArray', texts(1));
const securityRequirement = pairs(
  'SecurityRequirement',
  pair('NamedStringArray', () => stringArray),
);
const apiKeySecurity = record('ApiKeySecurity', { type: text(1), name: text(2), in: text(3), description: text(4) }, 5);
const securityDefinitions = pairs(
  'SecurityDefinitions',
  pair('NamedSecurityDefinitionsItem', () => securityDefinition),
);
const securityDefinition = wrapped(
  'SecurityDefinitionsItem',
  one(2, () => apiKeySecurity),
);

const operation = record(
  'Operation',
  {
    tags: texts(1),
    summary: text(2),
    description: text(3),
    operationId: text(5),
    produces: texts(6),
    consumes: texts(7),
    parameters: many(8, () => parametersItem),
    responses: one(9, () => responses),
    schemes: texts(10),
    deprecated: flag(11),
    security: many(12, () => securityRequirement),
  },
  13,
);
const verb = (no: number): Property => one(no, () => operation);
const pathItem = record(
  'PathItem',
  {
    $ref: text(1),
    get: verb(2),
    put: verb(3),
    post: verb(4),
    delete: verb(5),
    options: verb(6),
    head: verb(7),
    patch: verb(8),
    parameters: many(9, () => parametersItem),
  },
  10,
);
const namedPathItem = pair('NamedPathItem', () => pathItem);

const info = record('Info', { title: text(1), version: text(2), description: text(3), termsOfService: text(4) }, 7);

// The two big maps are put in as the bytes of their entries, which are made one by one.
const encodedPaths = message('Paths', { entries: repeated(bytes(2)) });
const encodedDefinitions = message('Definitions', { entries: repeated(bytes(1)) });
const encoded = (no: number): Property => ({ field: bytes(no), from: same });
const document = record(
  'Document',
  {
    swagger: text(1),
    info: one(2, () => info),
    host: text(3),
    basePath: text(4),
    schemes: texts(5),
    consumes: texts(6),
    produces: texts(7),
    paths: encoded(8),
    definitions: encoded(9),
    security: many(12, () => securityRequirement),
    securityDefinitions: one(13, () => securityDefinitions),
  },
  16,
);

/** The whole message, for those who read it. */
export const documentType = message('Document', {
  ...document.type.fields,
  paths: nested(8, message('Paths', { entries: repeated(nested(2, namedPathItem.type)) })),
  definitions: nested(9, message('Definitions', { entries: repeated(nested(1, namedSchema.type)) })),
});

/** The document's bytes, in steps of one path or definition: whoever drives it may let others run in between. */
export function* encodeDocument(json: Json): Generator<undefined, Uint8Array, undefined> {
  const encodeEntries = function* (entries: object, form: Form): Generator<undefined, Uint8Array[], undefined> {
    const result: Uint8Array[] = [];
    for (const entry of Object.entries(entries)) {
      result.push(form.type.encode(form.from(entry)));
      yield;
    }
    return result;
  };
  const paths = yield* encodeEntries(json.paths ?? {}, namedPathItem);
  const definitions = yield* encodeEntries(json.definitions ?? {}, namedSchema);
  return document.type.encode(
    document.from({
      ...json,
      paths: encodedPaths.encode({ entries: paths }),
      definitions: encodedDefinitions.encode({ entries: definitions }),
    }),
  );
}
