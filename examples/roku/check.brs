' Compares the scores of a bundle's conformance.json, where nothing is known of the viewer, with those of keyart.brs.
sub main()
    ' The interpreter off a Roku reads texts of a package, and no bytes: ranker.bin comes as base64 here.
    data = createObject("roByteArray")
    data.fromBase64String(readAsciiFile("pkg:/bundle/ranker.b64"))
    manifest = parseJson(readAsciiFile("pkg:/bundle/manifest.json"))
    model = keyartModel(manifest, parseJson(readAsciiFile("pkg:/bundle/vocabulary.json")), data)
    if model = invalid then
        print "no model"
        return
    end if
    document = parseJson(readAsciiFile("pkg:/bundle/conformance.json"))
    one = document.cases[0]
    for each title in document.titles
        if title.id = one.title_id then
            for each scored in keyartScores(model, title, "tv", "evening", one.context.slot)
                print scored.id; "|"; scored.play; "|"; scored.completion; "|"; scored.value
            end for
            print "choice|"; keyartChoose(model, title, "tv", "evening", one.context.slot, invalid)
        end if
    end for
end sub
