import { createRequire } from 'node:module'

// What the queries may ask for: the tables of a workspace-based Application Insights and their documented columns.
// https://learn.microsoft.com/azure/azure-monitor/reference/tables/apptraces (of 2026-07-27), …/apprequests
const TABLES: Readonly<Record<string, string>> = {
  AppTraces:
    'TimeGenerated:datetime, Message:string, SeverityLevel:int, OperationId:string, OperationName:string, ParentId:string, ' +
    'ItemCount:int, Properties:dynamic, Measurements:dynamic, AppRoleName:string, AppRoleInstance:string, AppVersion:string, ' +
    'SDKVersion:string, _ResourceId:string, _BilledSize:real, _IsBillable:string, Type:string',
  AppRequests:
    'TimeGenerated:datetime, Id:string, Source:string, Name:string, Url:string, Success:bool, ResultCode:string, ' +
    'DurationMs:real, OperationId:string, OperationName:string, ParentId:string, ItemCount:int, Properties:dynamic, ' +
    'Measurements:dynamic, AppRoleName:string, AppRoleInstance:string, AppVersion:string, _ResourceId:string, ' +
    '_BilledSize:real, _IsBillable:string, Type:string',
  // Of these only what every table has: https://learn.microsoft.com/azure/azure-monitor/logs/log-standard-columns
  ...Object.fromEntries(
    ['AppDependencies', 'AppExceptions', 'AppPerformanceCounters', 'AppMetrics'].map((name) => [
      name,
      'TimeGenerated:datetime, _ResourceId:string, _BilledSize:real, _IsBillable:string, Type:string',
    ]),
  ),
}

interface Diagnostic {
  readonly Severity: string | null
  readonly Code: string | null
  readonly Message: string | null
}

interface List<T> {
  readonly Count: number
  getItem(index: number): T
}

interface TableSymbol {
  WithName(name: string): TableSymbol
}

/** The part of the official parser that is used here. Its own types are 26,000 lines, and of a bridge from .NET. */
interface KustoLanguage {
  readonly Symbols: {
    readonly TableSymbol: { From(columns: string): TableSymbol }
    readonly DatabaseSymbol: { readonly ctor: new (name: string, tables: readonly TableSymbol[]) => object }
  }
  readonly GlobalState: { readonly Default: { WithDatabase(database: object): object } }
  readonly KustoCode: {
    ParseAndAnalyze(query: string, globals: object): { GetDiagnostics(): List<Diagnostic> }
  }
}

const language = loadLanguage()
const globals = language.GlobalState.Default.WithDatabase(
  new language.Symbols.DatabaseSymbol.ctor(
    'logs',
    Object.entries(TABLES).map(([name, columns]) =>
      language.Symbols.TableSymbol.From(`(${columns})`).WithName(name),
    ),
  ),
)

/** What the official parser and binder find wrong with a query: syntax, and every table, column and function it names. */
export function queryFaults(query: string): string[] {
  const diagnostics = language.KustoCode.ParseAndAnalyze(query, globals).GetDiagnostics()
  return Array.from({ length: diagnostics.Count }, (_, index) => diagnostics.getItem(index)).flatMap(
    ({ Severity, Code, Message }) =>
      Severity === 'Error' || Severity === 'Warning' ? [`${String(Code)} ${String(Message)}`] : [],
  )
}

function loadLanguage(): KustoLanguage {
  const require = createRequire(import.meta.url)
  // Two scripts that set globals: the runtime of the bridge from .NET, and the language.
  require('@kusto/language-service-next/bridge.min.js')
  require('@kusto/language-service-next/Kusto.Language.Bridge.min.js')
  return (globalThis as unknown as { readonly Kusto: { readonly Language: KustoLanguage } }).Kusto.Language
}
