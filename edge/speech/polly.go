package speech

import (
	"cmp"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"strconv"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/polly"
	"github.com/aws/aws-sdk-go-v2/service/polly/types"

	"github.com/offhook/offhook/edge/sound/wav"
)

// Polly is where AWS Polly is and how it speaks. Credentials come from where the AWS SDK finds them.
type Polly struct {
	Region   string // default AWS_REGION
	Endpoint string // default Amazon's
	Voice    string // default Joanna
	Kind     string // standard, neural, long-form, generative; default standard
}

type pollyEngine struct {
	client *polly.Client
	cfg    Polly
}

var _ Reader = (*pollyEngine)(nil)

// Open makes the engine. It talks to nobody.
func (p Polly) Open() (Engine, error) {
	cfg, err := config.LoadDefaultConfig(context.Background())
	if err != nil {
		return nil, err
	}
	if cfg.Region = cmp.Or(p.Region, cfg.Region); cfg.Region == "" {
		return nil, errors.New("no region: give it, or AWS_REGION")
	}
	p.Voice = cmp.Or(p.Voice, "Joanna")
	client := polly.NewFromConfig(cfg, func(o *polly.Options) {
		if p.Endpoint != "" {
			o.BaseEndpoint = aws.String(p.Endpoint)
		}
	})
	return &pollyEngine{client, p}, nil
}

// Speak implements Engine.
func (p *pollyEngine) Speak(ctx context.Context, r Request) (wav.Sound, error) {
	return p.ask(ctx, r, types.TextTypeText)
}

// SpeakSSML implements Reader.
func (p *pollyEngine) SpeakSSML(ctx context.Context, r Request) (wav.Sound, error) {
	return p.ask(ctx, r, types.TextTypeSsml)
}

func (p *pollyEngine) ask(ctx context.Context, r Request, kind types.TextType) (wav.Sound, error) {
	ctx, cancel := context.WithTimeout(ctx, fetchTime)
	defer cancel()
	out, err := p.client.SynthesizeSpeech(ctx, &polly.SynthesizeSpeechInput{
		Text: &r.Text, TextType: kind, OutputFormat: types.OutputFormatPcm, SampleRate: aws.String(strconv.Itoa(wav.WideRate)),
		VoiceId: types.VoiceId(cmp.Or(r.Voice, p.cfg.Voice)), Engine: types.Engine(p.cfg.Kind), LanguageCode: types.LanguageCode(r.Language),
	})
	if err != nil {
		return wav.Sound{}, fmt.Errorf("%w: %s", ErrEngine, refused(err))
	}
	defer out.AudioStream.Close()
	raw, err := io.ReadAll(io.LimitReader(out.AudioStream, int64(2*maxSamples*wav.WideRate/wav.Rate)))
	if err != nil || len(raw) < 2 {
		return wav.Sound{}, fmt.Errorf("%w: it gave no sound", ErrEngine)
	}
	samples := make([]int16, len(raw)/2)
	for i := range samples {
		samples[i] = int16(binary.LittleEndian.Uint16(raw[2*i:]))
	}
	return wav.Sound{Samples: samples, Rate: wav.WideRate}, nil
}

// refused is an error of AWS without its addresses and request ids.
func refused(err error) string {
	var answered *awshttp.ResponseError
	if errors.As(err, &answered) {
		return "AWS answered " + strconv.Itoa(answered.HTTPStatusCode())
	}
	return unreached(err)
}
