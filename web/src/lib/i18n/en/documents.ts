export default {
  // Places
  atPage: "page {number}",
  atSlide: "slide {number}",
  atSheet: "sheet {number}",
  atPart: "part {number}",
  // Under an answer
  sources: "Sources",
  sourcesCited: { one: "1 passage cited", other: "{count} passages cited" },
  sourcesUnused: { one: "1 more passage was read and not cited", other: "{count} more passages were read and not cited" },
  sourcesNone: "Nothing of the documents is cited.",
  quotesProven: { one: "1 quote found word for word", other: "{count} quotes found word for word" },
  quotesUnproven: { one: "1 not found in the documents", other: "{count} not found in the documents" },
  openSource: "Source {number}: {name}, {place}",
  markProven: "Found word for word",
  markUnproven: "not found in the documents",
  markNoSource: "There is no such source",
  markNumberProven: "This number stands in the result",
  markCalculated: "Calculated from numbers of the result",
  markNumberUnproven: "not found in the result",
  // Progress of an answer
  progressReading: "Reading the documents: {done} of {total}",
  progressJoining: "Putting together what was read: {done} of {total}",
};
