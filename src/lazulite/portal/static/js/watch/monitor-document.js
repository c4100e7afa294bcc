// A connection monitor as ARM takes it: pure.

/** What a monitor of one test is, as ARM takes it. */
export function document(form, machine, target) {
  const port = { port: Number(form.port) };
  const protocol = { Tcp: { tcpConfiguration: port }, Http: { httpConfiguration: port }, Icmp: { icmpConfiguration: {} } }[form.protocol];
  const to = target ? { name: form.target.replaceAll('/', '-'), type: 'AzureVM', resourceId: target.id } : { name: form.target, type: 'ExternalAddress', address: form.target };
  const from = { name: `from-${machine.name}`, type: 'AzureVM', resourceId: machine.id };
  const test = { name: form.protocol.toLowerCase(), protocol: form.protocol, testFrequencySec: Number(form.every), ...protocol };
  const group = { name: 'tests', sources: [from.name], destinations: [to.name], testConfigurations: [test.name] };
  return { endpoints: [from, to], testConfigurations: [test], testGroups: [group] };
}
