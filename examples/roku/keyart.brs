' Scores the artworks of a title with a keyart bundle, by content and context alone: what a Roku channel can do.
' A channel copies this file into its components. Numbers are doubles: a Float of BrightScript is too coarse for sums.

' Read a bundle.
' @param folder - such as "pkg:/bundle" or "tmp:/bundle"; the channel has compared its files with signed digests.
' @return the model, or invalid if a file is missing or of another length than the feature spec says, or embeddings count.
function keyartLoad(folder as string) as object
    manifest = parseJson(readAsciiFile(folder + "/manifest.json"))
    vocabulary = parseJson(readAsciiFile(folder + "/vocabulary.json"))
    data = createObject("roByteArray")
    if manifest = invalid or vocabulary = invalid or not data.readFile(folder + "/ranker.bin") then return invalid
    return keyartModel(manifest, vocabulary, data)
end function

' The same from files that were read already: two parsed documents, and the bytes of ranker.bin.
function keyartModel(manifest as object, vocabulary as object, data as object) as object
    spec = manifest.feature_spec
    if spec.embedding <> invalid then return invalid ' embeddings of titles and artworks are not read here
    z = spec.artwork_tags.count()
    h = spec.viewer_tags.count()
    contexts = spec.devices.count() + 1 + spec.dayparts.count()
    matches = 4 * spec.match_kinds.count() + 1
    mains = 3 + contexts + h
    columns = 1 + h + contexts
    if data.count() <> 4 * (2 * matches + 2 * mains + 2 * z) + z * columns then return invalid
    reader = { data: data, at: 0 }
    model = {
        spec: spec, z: z, h: h, columns: columns, mains: mains
        appeal: vocabulary.appeal
        playMatch: keyartFloats(reader, matches), playMain: keyartFloats(reader, mains)
        keepArtwork: keyartFloats(reader, z), keepMatch: keyartFloats(reader, matches), keepMain: keyartFloats(reader, mains)
        scale: keyartFloats(reader, z), matrix: reader.at, data: data
        artworkPlace: keyartPlaces(spec.artwork_tags), viewerPlace: keyartPlaces(spec.viewer_tags)
        even: keyartEven(spec.viewer_tags)
    }
    return model
end function

' Return the logits of play and of completion, and the value, of each artwork of a title.
' @param title - an entry of a catalogue: id, tags, artworks.
' @param device - "tv"
' @param daypart - "night", "morning", "afternoon" or "evening"
' @param slot - place on the page, from 0
function keyartScores(model as object, title as object, device as string, daypart as string, slot as integer) as object
    spec = model.spec
    context = keyartContext(spec, device, daypart)
    ofTitle = keyartShares(title.tags)
    main = [1.0#, keyartLog(1.0# + slot), 0.0#]
    for each value in context
        main.push(value)
    end for
    for each value in keyartRow(model.viewerPlace, model.h, ofTitle)
        main.push(value)
    end for
    worth = keyartWorth(model, context)
    results = []
    for each artwork in title.artworks
        tags = keyartTags(model, artwork.tags)
        match = keyartMatch(model, ofTitle, keyartShares(artwork.tags))
        appeal = model.appeal[artwork.id]
        if appeal = invalid then appeal = [0.0#, 0.0#]
        play = keyartDot(tags, worth) + keyartDot(match, model.playMatch) + keyartDot(main, model.playMain) + appeal[0]
        keep = keyartDot(tags, model.keepArtwork) + keyartDot(match, model.keepMatch) + keyartDot(main, model.keepMain) + appeal[1]
        results.push({ id: artwork.id, play: play, completion: keep, value: keyartSigmoid(play) * keyartSigmoid(keep) })
    end for
    return results
end function

' Return the id of the artwork to show: the one of the highest value. It explores nothing, and learns nothing.
' @param allowed - ids of the artworks that may be shown (age limit, spoilers); invalid: all of them
function keyartChoose(model as object, title as object, device as string, daypart as string, slot as integer, allowed as dynamic) as dynamic
    best = invalid
    for each scored in keyartScores(model, title, device, daypart, slot)
        if (allowed = invalid or allowed.doesExist(scored.id)) and (best = invalid or scored.value > best.value) then best = scored
    end for
    if best = invalid then return invalid
    return best.id
end function

' Weights of a context: one-hot device class (the last for any other) and daypart.
function keyartContext(spec as object, device as string, daypart as string) as object
    row = []
    isKnown = false
    for each name in spec.devices
        if name = device then isKnown = true
        row.push(keyartIf(name = device))
    end for
    row.push(keyartIf(not isKnown))
    for each name in spec.dayparts
        row.push(keyartIf(name = daypart))
    end for
    return row
end function

' What each tag of an artwork is worth in a context, to a viewer of whom nothing is known.
function keyartWorth(model as object, context as object) as object
    worth = []
    for place = 0 to model.z - 1
        start = model.matrix + place * model.columns
        sum = keyartSigned(model.data[start])
        for c = 0 to context.count() - 1
            if context[c] <> 0 then sum = sum + keyartSigned(model.data[start + 1 + model.h + c])
        end for
        worth.push(sum * model.scale[place])
    end for
    return worth
end function

' Interaction features: per kind the even taste times artwork and title, distance, and false promise; then intent.
function keyartMatch(model as object, ofTitle as object, ofArtwork as object) as object
    row = []
    for each kind in model.spec.match_kinds
        e = ofArtwork[kind]
        g = ofTitle[kind]
        row.push(keyartTaste(model, e))
        row.push(keyartTaste(model, g))
        distance = 0.0#
        missing = 0.0#
        if e <> invalid and g <> invalid then
            for each tag in e
                held = g[tag]
                if held = invalid then
                    held = 0.0#
                    missing = missing + e[tag]
                end if
                if e[tag] > held then distance = distance + e[tag] - held
            end for
        end if
        row.push(-distance)
        row.push(-missing)
    end for
    row.push(0.0#)
    return row
end function

function keyartTaste(model as object, shares as dynamic) as double
    sum = 0.0#
    if shares = invalid then return sum
    for each tag in shares
        place = model.viewerPlace[tag]
        if place <> invalid then sum = sum + shares[tag] * model.even[place]
    end for
    return sum
end function

' The share of each tag in its kind's weight, by kind and tag.
function keyartShares(tags as object) as object
    kinds = keyartTable()
    for each tag in tags
        weight = tags[tag]
        if weight > 0 then
            kind = keyartKind(tag)
            if kinds[kind] = invalid then kinds[kind] = keyartTable()
            ofKind = kinds[kind]
            ofKind[tag] = weight
        end if
    end for
    for each kind in kinds
        ofKind = kinds[kind]
        total = 0.0#
        for each tag in ofKind
            total = total + ofKind[tag]
        end for
        for each tag in ofKind
            ofKind[tag] = ofKind[tag] / total
        end for
    end for
    return kinds
end function

function keyartRow(places as object, size as integer, shares as object) as object
    row = keyartZeros(size)
    for each kind in shares
        ofKind = shares[kind]
        for each tag in ofKind
            if places[tag] <> invalid then row[places[tag]] = ofKind[tag]
        end for
    end for
    return row
end function

function keyartTags(model as object, tags as object) as object
    row = keyartZeros(model.z)
    for each tag in tags
        place = model.artworkPlace[tag]
        weight = tags[tag]
        if weight > 4 then weight = 4
        if place <> invalid then row[place] = weight
    end for
    return row
end function

' The taste that prefers nothing: one over the number of viewer tags of the kind.
function keyartEven(tags as object) as object
    counts = keyartTable()
    for each tag in tags
        kind = keyartKind(tag)
        if counts[kind] = invalid then counts[kind] = 0.0#
        counts[kind] = counts[kind] + 1.0#
    end for
    row = []
    for each tag in tags
        row.push(1.0# / counts[keyartKind(tag)])
    end for
    return row
end function

function keyartPlaces(names as object) as object
    places = keyartTable()
    for place = 0 to names.count() - 1
        places[names[place]] = place
    end for
    return places
end function

' A table whose keys keep their case.
function keyartTable() as object
    table = createObject("roAssociativeArray")
    table.setModeCaseSensitive()
    return table
end function

function keyartKind(tag as string) as string
    colon = instr(1, tag, ":")
    if colon = 0 then return tag
    return left(tag, colon - 1)
end function

function keyartZeros(size as integer) as object
    row = []
    for place = 1 to size
        row.push(0.0#)
    end for
    return row
end function

function keyartDot(x as object, y as object) as double
    sum = 0.0#
    for place = 0 to x.count() - 1
        sum = sum + x[place] * y[place]
    end for
    return sum
end function

' Little-endian IEEE 754 numbers of single precision.
function keyartFloats(reader as object, size as integer) as object
    values = []
    data = reader.data
    for place = 1 to size
        at = reader.at
        high = data[at + 3]
        exponent = (high mod 128) * 2 + int(data[at + 2] / 128)
        fraction = (data[at + 2] mod 128) * 65536 + data[at + 1] * 256 + data[at]
        value = 0.0#
        if exponent > 0 then
            value = (1.0# + fraction / 8388608.0#) * keyartPower(exponent - 127)
        else
            value = fraction / 8388608.0# * keyartPower(-126)
        end if
        if high >= 128 then value = -value
        values.push(value)
        reader.at = at + 4
    end for
    return values
end function

function keyartPower(exponent as integer) as double
    value = 1.0#
    if exponent >= 0 then
        for step_ = 1 to exponent
            value = value * 2.0#
        end for
    else
        for step_ = 1 to -exponent
            value = value / 2.0#
        end for
    end if
    return value
end function

function keyartSigned(byte as integer) as double
    if byte > 127 then return byte - 256.0#
    return byte + 0.0#
end function

function keyartSigmoid(x as double) as double
    return 1.0# / (1.0# + exp(-x))
end function

function keyartLog(x as double) as double
    return log(x)
end function

function keyartIf(condition as boolean) as double
    if condition then return 1.0#
    return 0.0#
end function
