// What a search has found in a text, as pieces to show.


// The pieces of a sentence: { text, names }, names being the trackers that have
// a phrase there.  Ranges are { from, to, name } in UTF-16 units.

export function pieces(text, ranges) {
    const good = ranges.filter(({ from, to }) => from >= 0 && to > from
                                                 && to <= text.length);
    const cuts = [...new Set([0, text.length,
                              ...good.flatMap(({ from, to }) => [from, to])])]
        .sort((a, b) => a - b);
    const list = [];

    for (let i = 0; i + 1 < cuts.length; i++) {
        const names = good.filter(({ from, to }) => from <= cuts[i]
                                                    && to >= cuts[i + 1])
            .map(({ name }) => name);

        list.push({ text: text.slice(cuts[i], cuts[i + 1]),
                    names: [...new Set(names)] });
    }

    return list;
}


// The answer of conversations/detect: sentences with their pieces, and in how
// many of them each tracker is, those first that are in most.

export function sentences(answer) {
    const ranges = new Map();
    const counts = [];

    for (const tracker of answer.trackers) {
        const ids = new Set();

        for (const match of tracker.matches) {
            for (const ref of match.messageRefs) {
                const list = ranges.get(ref.id) ?? [];

                list.push({ from: ref.offset, to: ref.end ?? -1,
                            name: tracker.name });
                ranges.set(ref.id, list);
                ids.add(ref.id);
            }
        }

        counts.push({ name: tracker.name, n: ids.size,
                      phrases: tracker.matches.map((match) => match.value) });
    }

    return { counts: counts.sort((a, b) => b.n - a.n),
             list: answer.messages.map((message) =>
                 pieces(message.text, ranges.get(message.id) ?? [])) };
}
