/**
 * A description of a lending library: every kind of parameter, body, response, security and schema that the page shows.
 * Its paths are those of `libraryApi.ts`.
 */
export const libraryDescription = {
  openapi: '3.1.1',
  info: {
    title: 'Lending library',
    version: '2.3.0',
    description:
      'Books and **loans**.\n\n- `books` can be *searched*\n- see [the rules](https://example.com/rules)\n\n' +
      'A [trap](javascript:document.title=1) and <img src=x onerror="document.title=2">.\n\n```\ncode block\n```',
    license: { name: 'MIT', url: 'https://example.com/licence' },
  },
  servers: [
    { url: '/v1', description: 'in use' },
    { url: '/{stage}/v1', variables: { stage: { default: 'test', enum: ['test', 'next'] } } },
  ],
  security: [{ libraryKey: [] }, { keyInQuery: [] }],
  tags: [{ name: 'Books', description: 'What is *on the shelves*.' }],
  paths: {
    '/books': {
      parameters: [{ $ref: '#/components/parameters/RequestId' }],
      get: {
        operationId: 'searchBooks',
        tags: ['Books'],
        summary: 'Search books',
        parameters: [
          {
            name: 'genre',
            in: 'query',
            description: 'Any of these.',
            schema: { type: 'array', items: { type: 'string', enum: ['novel', 'poetry'] } },
          },
          {
            name: 'shelf',
            in: 'query',
            style: 'pipeDelimited',
            explode: false,
            schema: { type: 'array', items: { type: 'integer' } },
          },
          {
            name: 'published',
            in: 'query',
            style: 'deepObject',
            explode: true,
            schema: { type: 'object', properties: { from: { type: 'integer' }, to: { type: 'integer' } } },
          },
          { name: 'where', in: 'query', content: { 'application/json': { schema: { type: 'object' } } } },
          {
            name: 'limit',
            in: 'query',
            schema: { type: 'integer', minimum: 1, maximum: 100, default: 20 },
          },
          { name: 'lent', in: 'query', schema: { type: 'boolean' } },
          { name: 'X-Trace', in: 'header', schema: { type: 'array', items: { type: 'string' } } },
          { name: 'theme', in: 'cookie', schema: { type: 'string' } },
          { name: 'Authorization', in: 'header', schema: { type: 'string' } },
        ],
        responses: {
          '200': {
            description: 'The books that were found.',
            content: {
              'application/json': {
                schema: { type: 'array', items: { $ref: '#/components/schemas/Book' } },
              },
            },
          },
          '4XX': { description: 'The search is **not** valid.' },
          default: { description: 'Anything else.' },
        },
      },
      post: {
        operationId: 'addBook',
        tags: ['Books'],
        summary: 'Add a book',
        requestBody: {
          required: true,
          description: 'The book.',
          content: { 'application/json': { schema: { $ref: '#/components/schemas/Book' } } },
        },
        responses: {
          '201': {
            description: 'Added.',
            headers: { Location: { required: true, schema: { type: 'string', format: 'uri-reference' } } },
            content: { 'application/json': { schema: { $ref: '#/components/schemas/Book' } } },
            links: {
              self: { operationId: 'getBook', parameters: { 'path.isbn': '$response.body#/isbn' } },
              loan: {
                operationRef: '#/paths/~1books~1{isbn}~1loans/post',
                parameters: {
                  isbn: '$request.body#/isbn',
                  'X-Request-Id': '$response.header.X-Request-Id',
                },
              },
            },
          },
        },
      },
    },
    '/books/{isbn}': {
      parameters: [
        { name: 'isbn', in: 'path', required: true, schema: { type: 'string', examples: ['978-3'] } },
      ],
      get: {
        operationId: 'getBook',
        tags: ['Books'],
        summary: 'Get a book',
        responses: {
          '200': {
            description: 'The book.',
            content: { 'application/json': { schema: { $ref: '#/components/schemas/Book' } } },
          },
        },
      },
      head: {
        operationId: 'checkBook',
        tags: ['Books'],
        summary: 'Check a book',
        responses: { '200': { description: 'There is such a book.' } },
      },
      delete: {
        operationId: 'removeBook',
        tags: ['Books'],
        summary: 'Remove a book',
        deprecated: true,
        security: [{ libraryKey: [], staff: [] }],
        responses: { '204': { description: 'Removed.' } },
      },
    },
    '/books/{isbn}/loans': {
      post: {
        tags: ['Loans'],
        summary: 'Lend a book',
        security: [{ desk: [] }],
        parameters: [
          { name: 'isbn', in: 'path', required: true, schema: { type: 'string' } },
          { $ref: '#/components/parameters/RequestId' },
        ],
        requestBody: {
          content: {
            'application/x-www-form-urlencoded': {
              schema: {
                type: 'object',
                required: ['reader'],
                properties: {
                  reader: { type: 'string' },
                  notes: { type: 'array', items: { type: 'string' } },
                },
              },
            },
            'text/plain': { schema: { type: 'string', examples: ['Ada Lovelace'] } },
          },
        },
        responses: { '200': { description: 'Lent.' } },
      },
    },
    '/places{range}/{row}': {
      get: {
        operationId: 'places',
        summary: 'List places',
        security: [],
        parameters: [
          {
            name: 'range',
            in: 'path',
            required: true,
            style: 'matrix',
            explode: true,
            schema: { type: 'array', items: { type: 'string' } },
          },
          {
            name: 'row',
            in: 'path',
            required: true,
            style: 'label',
            schema: { type: 'object', properties: { x: { type: 'integer' } } },
          },
        ],
        responses: {
          '200': {
            description: 'The places.',
            content: {
              'text/csv': { schema: { type: 'string' }, example: 'a,b\n1,2' },
              'application/json': { schema: true },
              'application/xml': { schema: { type: 'string' } },
            },
          },
        },
      },
    },
    '/covers': {
      get: {
        operationId: 'cover',
        summary: 'Get a cover',
        security: [{ visitor: [] }],
        responses: { '200': { description: 'A picture.', content: { 'image/png': {} } } },
      },
      put: {
        operationId: 'replaceCover',
        summary: 'Replace a cover',
        security: [],
        requestBody: { required: true, content: { 'image/png': {} } },
        responses: { '204': { description: 'Replaced.' } },
      },
      post: {
        operationId: 'uploadCover',
        summary: 'Upload a cover',
        security: [],
        requestBody: {
          required: true,
          content: {
            'multipart/form-data': {
              schema: {
                type: 'object',
                required: ['title'],
                properties: {
                  title: { type: 'string' },
                  size: { type: 'object', properties: { width: { type: 'integer' } } },
                  picture: { type: 'string', format: 'binary' },
                },
              },
            },
          },
        },
        responses: { '204': { description: 'Uploaded.' } },
      },
    },
    '/events': {
      get: {
        operationId: 'events',
        summary: 'Follow events',
        security: [],
        responses: { '200': { description: 'Events.', content: { 'text/event-stream': {} } } },
      },
      trace: { operationId: 'traceEvents', summary: 'Trace events', security: [], responses: {} },
      patch: {
        operationId: 'faulty',
        summary: 'A faulty operation',
        security: [],
        parameters: 7,
        responses: {},
      },
    },
    '/statistics': {
      get: {
        security: [],
        responses: {
          '2XX': { $ref: 'other.yaml#/responses/ok' },
          '500': {
            description: 'Faulty.',
            content: { 'text/plain': { schema: { properties: { a: {} }, required: 7 } } },
          },
        },
      },
    },
  },
  components: {
    parameters: {
      RequestId: {
        name: 'X-Request-Id',
        in: 'header',
        description: 'Names the request in the log.',
        schema: { type: 'string', format: 'uuid' },
      },
    },
    schemas: {
      Book: {
        description: 'A book.',
        allOf: [
          { $ref: '#/components/schemas/Titled' },
          {
            type: 'object',
            required: ['isbn', 'authors'],
            properties: {
              id: { type: 'integer', readOnly: true },
              isbn: { type: 'string', pattern: '^[0-9-]+$' },
              authors: {
                type: 'array',
                minItems: 1,
                items: { $ref: '#/components/schemas/Person' },
                description: 'Who wrote it.',
              },
              publisher: {
                type: 'object',
                description: 'Who printed it.',
                properties: {
                  name: { type: 'string' },
                  address: { type: 'object', properties: { city: { type: ['string', 'null'] } } },
                },
              },
              medium: {
                oneOf: [
                  {
                    title: 'Paper',
                    type: 'object',
                    properties: { kind: { const: 'paper' }, pages: { type: 'integer', minimum: 1 } },
                  },
                  {
                    title: 'Audio',
                    type: 'object',
                    properties: {
                      kind: { const: 'audio' },
                      minutes: { type: 'number', exclusiveMinimum: 0 },
                    },
                  },
                ],
              },
              sequels: { type: 'array', items: { $ref: '#/components/schemas/Book' } },
              labels: { type: 'object', additionalProperties: { type: 'string', maxLength: 10 } },
            },
          },
        ],
      },
      Titled: {
        type: 'object',
        required: ['title'],
        properties: { title: { type: 'string', minLength: 1, maxLength: 200, description: 'Its title.' } },
      },
      Person: {
        type: 'object',
        required: ['name'],
        properties: {
          name: { type: 'string', examples: ['Ada Lovelace'] },
          born: { type: 'string', format: 'date', deprecated: true },
        },
      },
    },
    securitySchemes: {
      libraryKey: {
        type: 'apiKey',
        in: 'header',
        name: 'X-Library-Key',
        description: 'From the front desk.',
      },
      keyInQuery: { type: 'apiKey', in: 'query', name: 'key' },
      staff: { type: 'http', scheme: 'bearer' },
      desk: { type: 'http', scheme: 'basic' },
      visitor: { type: 'apiKey', in: 'cookie', name: 'visit' },
    },
  },
}
